"""What is done about losing things: the catalog made anew, a second copy of everything.

``rebuilding`` makes a catalog of a snapshot and of what the stored bytes say of themselves (``surveying``:
behind a network, where ``sightings`` notes what was seen), ``bases`` chooses that snapshot, ``swapping``
puts a new catalog in the place of an old one. ``copying`` brings a second storage up to date, ``replica``
makes a servable directory of it, ``marks`` says which directory is a backup or half a copy. ``steps`` is
how all of it tells how far it is. No server runs any of it.
"""
