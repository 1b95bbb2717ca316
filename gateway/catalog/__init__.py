"""What we know: buckets, keys, versions, locations, uploads.

``records.py`` holds the values, ``interface.py`` the promises, ``placing.py`` what they need of a
storage; ``sqlite/`` keeps them in one file for one machine. The catalog knows nothing of HTTP and never touches bytes itself: publishing calls back
into the storage (``Placing``) inside its commit, under its lock.
"""
