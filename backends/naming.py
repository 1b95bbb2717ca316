"""Which paths and names may exist: questions of spelling only, the same for every storage."""

import re
import unicodedata
from functools import lru_cache

from backends.errors import NameRefused
from backends.interface import RESERVED, Limits

OWN = "o"
"""Folder under RESERVED that holds bytes under paths of our own; the rest of RESERVED is no path."""

_STAGED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_SHORT_ALIAS = re.compile(r"\.?s3fro[^/]{0,2}~[0-9]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# Default_Ignorable_Code_Point that are not of category Cf (Unicode, DerivedCoreProperties.txt):
# HFS+ and ext4's casefold leave them out of comparisons (CVE-2014-9390 came from this).
_IGNORABLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)


def segments(path: str, limits: Limits) -> list[str]:
    """The segments of a path. NameRefused if no storage with these limits could hold it.

    Under RESERVED only what lies in its folder OWN is a path; a first segment that some file
    system could take for RESERVED is refused.
    """
    parts = path.split("/")
    if not _sound(path, parts, limits):
        raise NameRefused(f"no such name can be stored: {path[:200]!r}")
    if looks_reserved(parts[0]) and not (
        parts[0] == RESERVED and len(parts) > 2 and parts[1] == OWN
    ):
        raise NameRefused(f"the name is reserved: {path[:200]!r}")
    return parts


def natural(bucket: str, key: str, limits: Limits) -> str | None:
    """``bucket/key`` if that can be a path and is fit to be a file's name, else None.

    Control characters (C0, DEL, C1) are refused although Linux could hold them: such names break
    the tools of whoever owns the files (a newline in a list, an escape sequence on a terminal) and
    cannot be copied to most other file systems.
    """
    path = f"{bucket}/{key}"
    if "/" in bucket or _CONTROL.search(path):
        return None
    if not _sound(path, path.split("/"), limits) or looks_reserved(bucket):
        return None
    return path


def staged_name(name: str) -> str:
    """``name`` itself; NameRefused unless it is 1 to 200 of ``A-Za-z0-9._-``, no dot first."""
    if not _STAGED.fullmatch(name):
        raise NameRefused(f"not a staged name: {name[:200]!r}")
    return name


def folder_name(name: str, limits: Limits) -> str:
    """``name`` itself; NameRefused unless it can be a first-level folder of a bucket."""
    if "/" in name or not _sound(name, [name], limits) or looks_reserved(name):
        raise NameRefused(f"no folder can have this name: {name[:200]!r}")
    return name


@lru_cache(maxsize=4096)
def looks_reserved(segment: str) -> bool:
    """Whether some file system could take ``segment`` for RESERVED.

    Compared after NFKC, case folding, removal of what is ignored or stripped (format characters,
    white space, final dots, an NTFS stream name) and as the 8.3 alias of FAT and NTFS.
    """
    folded = coarse(segment).partition(":")[0].strip().rstrip(". ")
    return folded == RESERVED or _SHORT_ALIAS.fullmatch(folded) is not None


def coarse(text: str) -> str:
    """Equal for all spellings that any file system holds for one: NFKC, case, ignorables."""
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKC", text).casefold()
    folded = unicodedata.normalize("NFKC", folded).casefold()
    folded = _IGNORABLE.sub("", folded)
    folded = "".join(c for c in folded if unicodedata.category(c) != "Cf")
    return unicodedata.normalize("NFKC", folded)


def _sound(path: str, parts: list[str], limits: Limits) -> bool:
    try:
        length = len(path.encode())
    except UnicodeEncodeError:
        return False
    if "\0" in path or length > limits.max_path:
        return False
    for part in parts:
        if part in {"", ".", ".."}:
            return False
        if len(part) * 4 > limits.max_segment and len(part.encode()) > limits.max_segment:
            return False
    return True
