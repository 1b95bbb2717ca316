"""A bounded cache on a local disk, of blocks of bytes that a fingerprint names.

A block is one file under the hash of what it is of; it carries its own checksums, and is served only if
they hold. What is accounted for is in an index (SQLite) that all processes share: room is reserved there
before a file is made, and given back after it is gone, so the bound holds whenever a process dies.
A hit needs the file alone.

One file each: ``sizes``, ``naming`` what a block is called, ``blocks`` the file of one, ``index`` who has which room,
``shelf`` both together, ``sweeping`` what nobody accounts for, ``frequencies`` how often something was asked
for, ``events`` what is told of all this, ``flights`` readings of the storage that several readers follow. ``backends.layers.caching`` is
the storage that uses all this.
"""
