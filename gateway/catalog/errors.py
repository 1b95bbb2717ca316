"""All that a catalog may raise on purpose.

CatalogError
├── NoSuchBucket      gone, or replaced by another of the same name since it was looked up
├── BucketExists
├── BucketNotEmpty    it holds objects (or uploads, which it does not count)
├── NoSuchKey         a change of an object that is not there
├── NoSuchUpload      never was, aborted, completed, or being completed
├── ConditionFailed   the condition of a write does not hold (412)
├── ConditionConflict the condition met a concurrent change (409)
├── TooManyMissing    so many objects would be marked missing that something else must be wrong
├── CatalogFull       no space for a write; nothing was changed
└── CatalogUnavailable the catalog failed; the outcome of a write is unknown
    └── CatalogDamaged its file is not what was written to it
"""


class CatalogError(Exception):
    """Base of the closed set."""


class NoSuchBucket(CatalogError):
    """There is no such bucket."""


class BucketExists(CatalogError):
    """A bucket of that name exists."""


class BucketNotEmpty(CatalogError):
    """The bucket still holds objects."""


class NoSuchKey(CatalogError):
    """There is no such current object."""


class NoSuchUpload(CatalogError):
    """There is no such open upload."""


class ConditionFailed(CatalogError):
    """The condition of a write does not hold."""


class ConditionConflict(CatalogError):
    """The condition of a write met a concurrent change."""


class TooManyMissing(CatalogError):
    """More objects would be marked missing than the limit allows; none of them was."""


class CatalogFull(CatalogError):
    """The catalog's file system has no space for a write. Nothing was changed, that is certain."""


class CatalogUnavailable(CatalogError):
    """The catalog failed; the outcome of a write is unknown."""


class CatalogDamaged(CatalogUnavailable):
    """What is asked for lies where the catalog's file is not what was written to it.

    Nothing was changed. Other rows may still be read and written.
    """
