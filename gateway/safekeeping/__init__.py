"""What is done about losing things: the catalog made anew, a second copy of everything.

``rebuilding`` makes a catalog of a snapshot and of what the stored bytes say of themselves, ``bases``
chooses that snapshot, ``swapping`` puts the new catalog in the place of the old; ``steps`` is how all
of it tells how far it is. Nothing here runs in a server.
"""
