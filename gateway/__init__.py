"""S3front: one S3 endpoint in front of any storage.

A request goes down through these packages and imports go the same way only::

    cli, server     the command, the processes
    wire            bytes to Request, Response to bytes; the only place that knows an HTTP server
    dispatch        route, authenticate, authorize, read input, handle, answer
    operations      the table of all S3 operations
    access service  who may; what S3 promises
    catalog         what we know: buckets, keys, versions, uploads
    s3              the protocol, pure
"""
