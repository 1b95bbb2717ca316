"""ETags: how S3 computes, quotes and compares them. Within S3front they are without quotes."""

import hashlib
import re
from collections.abc import Iterable
from typing import Final

_PART_ETAG: Final = re.compile("[0-9a-f]{32}", re.ASCII | re.IGNORECASE)


def multipart_etag(part_etags: Iterable[str]) -> str:
    """The ETag of a multipart object: MD5 of the parts' MD5s, then ``-`` and their number.

    ``part_etags``: MD5s, hexadecimal, in order. ValueError if one is not.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
    """
    digest = hashlib.md5(usedforsecurity=False)
    count = 0
    for each in part_etags:
        if _PART_ETAG.fullmatch(each) is None:
            raise ValueError(f"not the ETag of a part: {each!r}")
        digest.update(bytes.fromhex(each))
        count += 1
    return f"{digest.hexdigest()}-{count}"


def quote(etag: str) -> str:
    """As it stands in a header or in XML."""
    return f'"{etag}"'


def unquote(text: str) -> str:
    """An ETag as a client sends it, quoted or not. S3 takes both."""
    text = text.strip()
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return text[1:-1]
    return text
