"""What a key's name says about its content."""

import mimetypes

# Of the standard library's table alone: the machine's own tables would make answers differ by host.
_TYPES = mimetypes.MimeTypes(filenames=())
_KNOWN = {**_TYPES.types_map[False], **_TYPES.types_map[True]}
_COMPRESSED = {
    ".gz": "application/gzip",
    ".bz2": "application/x-bzip2",
    ".xz": "application/x-xz",
    ".zst": "application/zstd",
}


def guessed(key: str) -> str | None:
    """The content type of an object nobody gave one, by the ending of its key; None if it has none
    that is known.

    A compressed file is told as that, not as what is in it: it is served as it is, without
    Content-Encoding.
    """
    name = key.rpartition("/")[2]
    dot = name.rfind(".")
    if dot <= 0:
        return None
    ending = name[dot:].lower()
    return _COMPRESSED.get(ending) or _KNOWN.get(ending)
