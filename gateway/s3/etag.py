"""ETags: how S3 computes, quotes and compares them. Within S3front they are without quotes."""

import hashlib
import re
from base64 import b64decode
from collections.abc import Iterable, Sequence
from typing import Final

from gateway.s3.checksums import encode, full_object

MD5: Final = "MD5"
CRC: Final = "CRC64NVME"
"""What an ETag may be made of; also the names of the digests."""

_PART_ETAG: Final = re.compile("[0-9a-f]{32}", re.ASCII | re.IGNORECASE)
_CRC_ETAG: Final = re.compile("([0-9a-f]{16})-[1-9][0-9]{0,4}", re.ASCII)


def crc_etag(crc: bytes, parts: int = 1) -> str:
    """The ETag made of the CRC-64/NVME of all bytes of an object or part: its digits, then ``-`` and
    the number of parts. Clients take no ETag with a dash for an MD5."""
    return f"{crc.hex()}-{parts}"


def crc_of(etag: str) -> bytes | None:
    """The CRC-64/NVME that an ETag is made of; None if it is another one."""
    found = _CRC_ETAG.fullmatch(etag)
    return None if found is None else bytes.fromhex(found[1])


def etag_of_digest(algorithm: str, digest: bytes) -> str:
    """The ETag of bytes that came in one piece, made of their MD5 or CRC."""
    return crc_etag(digest) if algorithm == CRC else digest.hex()


def etag_of_parts(parts: Sequence[tuple[str, int]]) -> str:
    """The ETag of an object of parts, given (ETag, size) in order.

    Of MD5s it is S3's, of CRCs that of the whole. Of both, which a bucket sees whose setting is
    changed under an upload, it is one that nothing can be compared with: SHA-1 of all of them.
    """
    crcs = [(encode(crc), size) for etag, size in parts if (crc := crc_of(etag)) is not None]
    if not crcs:
        return multipart_etag(etag for etag, _ in parts)
    if len(crcs) == len(parts):
        return crc_etag(b64decode(full_object(CRC, crcs)), len(parts))
    every = ",".join(etag for etag, _ in parts).encode()
    return f"{hashlib.sha1(every, usedforsecurity=False).hexdigest()}-{len(parts)}"


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
