"""A directory as a storage: objects are plain files under their own names.

``<root>/<bucket>/<key>`` where the file system can hold that name, else
``<root>/.s3front/o/xx/<name>``. ``<root>/.s3front`` (mode 0700) holds all that is S3front's own:
``staged/`` bytes not yet published, ``o/`` shadow paths, ``about/`` self-descriptions that do not fit
into an extended attribute, ``writers/`` one lock for each process, ``storage-id`` the identity.

Every name is hostile: it is opened beneath a held descriptor of the root, without following any
symbolic link, and only regular files are read. A bucket's folder that is a symbolic link is
therefore refused; a mounted file system is followed, but takes new objects under shadow paths only,
since nothing can be renamed into it.

One file each: ``opening`` names to descriptors, ``staging`` writing, ``reading``, ``walking``
listing, ``attributes`` self-description, ``stamping`` modification times, ``durability`` fsync,
``threads`` the pool, ``probing`` what the file system can do, ``folding`` which names it
confuses, ``faults`` errno to StorageError, ``storage`` the verbs.
"""
