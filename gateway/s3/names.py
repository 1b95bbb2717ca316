"""Which names a bucket can have, and which text can be the id of a version.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
"""

import re

from gateway.s3.errors import S3Error

_SHAPE = re.compile(r"[a-z0-9](?:[a-z0-9-]|\.(?!\.)){1,61}[a-z0-9]", re.ASCII)
_VERSION = re.compile(r"[A-Za-z0-9._+/=~-]{20,1024}", re.ASCII)
_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}", re.ASCII)
_RESERVED_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
_RESERVED_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")


def can_be_a_bucket(name: str) -> bool:
    """Whether a bucket of this name can exist: 3 to 63 of a-z, 0-9, ``.`` and ``-``, beginning and
    ending with a letter or digit, no two dots together, not formatted as an IPv4 address.

    Such a name holds nothing that means something in a path, a policy's ARN or a host name.
    """
    return _SHAPE.fullmatch(name) is not None and _ADDRESS.fullmatch(name) is None


def can_be_a_version(id: str) -> bool:
    """Whether ``id`` can be the id of a version: ``null``, or 20 characters and more of those that
    such ids are made of.

    S3 says only that ids are opaque. It refuses ``dsf`` and ``test_file`` as none (cortx-s3server
    #1724, versitygw #1698), but looks for a ULID of 26 characters (versitygw #2081); its own have 32.
    """
    return id == "null" or _VERSION.fullmatch(id) is not None


def bucket_name(name: str) -> str:
    """``name``, if a bucket of this name can exist. S3Error InvalidBucketName otherwise."""
    if can_be_a_bucket(name):
        return name
    raise S3Error("InvalidBucketName", BucketName=name)


def new_bucket_name(name: str) -> str:
    """``name``, if a bucket of this name may be created: the affixes S3 keeps for itself are not
    free. S3Error InvalidBucketName otherwise."""
    if name.startswith(_RESERVED_PREFIXES) or name.endswith(_RESERVED_SUFFIXES):
        raise S3Error("InvalidBucketName", BucketName=name)
    return bucket_name(name)
