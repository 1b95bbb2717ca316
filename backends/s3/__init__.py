"""Any S3 as a storage: one bucket, or what lies below a prefix of it.

``profiles`` holds what is known of each service, ``settings`` reads what a user says, ``bucket`` signs
and sends requests, ``documents`` and ``refusals`` read what comes back, ``storage`` is the storage,
``probing`` finds out what is wrong with the settings.
"""
