"""Conditions of reads, copies and writes.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html; RFC 9110, 13.2.2.
"""

from tests.model.refusal import Refusal
from tests.model.told import Conditions
from tests.model.values import Thing


def check_read(thing: Thing, conditions: Conditions) -> None:
    """If-Match goes before If-Unmodified-Since, If-None-Match before If-Modified-Since."""
    _check_precondition(thing, conditions)
    if _unchanged(thing, conditions):
        raise Refusal(304, None, {"etag": f'"{thing.etag}"'})


def check_copy_source(thing: Thing, conditions: Conditions) -> None:
    """The same of a copy's source, but there is no 304."""
    _check_precondition(thing, conditions)
    if _unchanged(thing, conditions):
        raise Refusal(412, "PreconditionFailed")


def check_write(current: Thing | None, conditions: Conditions) -> None:
    """If-None-Match is ``*``: there must be none. If-Match: there must be one, of this ETag."""
    if conditions.if_none_match is not None and current is not None:
        raise Refusal(412, "PreconditionFailed")
    if conditions.if_match is not None:
        if current is None:
            raise Refusal(404, "NoSuchKey")
        if conditions.if_match not in ("*", current.etag):
            raise Refusal(412, "PreconditionFailed")


def _check_precondition(thing: Thing, conditions: Conditions) -> None:
    if conditions.if_match is not None:
        if conditions.if_match not in ("*", thing.etag):
            raise Refusal(412, "PreconditionFailed")
    elif conditions.unmodified_since == "past":
        raise Refusal(412, "PreconditionFailed")


def _unchanged(thing: Thing, conditions: Conditions) -> bool:
    if conditions.if_none_match is not None:
        return conditions.if_none_match in ("*", thing.etag)
    # A date in the future is no date to compare with (RFC 2616, 14.25).
    return conditions.modified_since == "exact"
