"""Any WebDAV server as a storage: objects are plain files under their own names.

``<endpoint>/<prefix>/<bucket>/<key>`` where the server can hold that name, else
``<endpoint>/<prefix>/.s3front/o/xx/<name>``. ``.s3front`` holds all that is S3front's own: ``incoming/``
bytes not yet published, ``o/`` shadow paths, ``about/`` self-descriptions where the server keeps no
properties, ``uploads/`` those of uploads that were begun, ``dialect`` what the server does, ``probe-…/`` while that is
being found out.

Servers differ in what they do, and in whether they do what they say. So each is asked by doing, once,
when the storage is opened (``probing``), and what it was seen to do is a value (``dialect``).

One file each: ``settings``, ``hrefs`` paths to URLs and back, ``multistatus`` the answers of PROPFIND,
``challenges`` and ``authorizing`` 401 and passwords, ``asking`` requests and what their answers mean,
``refusals`` status to StorageError, ``dialect`` and ``probing`` and ``remembering``, ``folders`` MKCOL, ``publishing`` PUT
and MOVE, ``chunking`` uploads in chunks and ``parts`` what S3 makes of them, ``records`` and ``describing``
self-descriptions, ``reading``, ``walking`` listing, ``deleting``, ``leftovers``, ``afterwards`` what nobody waits for,
``opened`` what there is while a storage is open,
``storage`` the verbs.
"""
