"""Whether a storage works as its settings say: tried, and told in plain words with the remedy.

What is tried is written below the reserved name, and removed.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from backends.errors import Damaged, Exists, StorageError
from backends.http.client import Timeouts
from backends.interface import Fingerprint
from backends.s3.bucket import MAX_SKEW
from backends.s3.settings import S3Settings
from backends.s3.storage import S3Storage
from backends.trying import BYTES, Finding, Grade, Sentinels, attempt, first_of, once

_REACH = "reach the bucket, and list it"
_NOBODY = Fingerprint(size=len(BYTES), stamp="0" * 32)


async def probe(
    settings: S3Settings,
    *,
    timeouts: Timeouts | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Sequence[Finding]:
    """Try all that a storage needs. Ends early where nothing else could work. Never fails."""
    storage = S3Storage(settings, timeouts=timeouts, now=now)
    await storage.open()
    try:
        findings = [await _reached(storage)]
        if findings[0].grade is Grade.WRONG:
            other = await _other_style(settings, timeouts, now)
            return [other] if other is not None else findings
        findings.append(_clock(storage))
        return [*findings, *await _Trial(storage).findings()]
    finally:
        await storage.aclose()


def minimum_policy(settings: S3Settings) -> Mapping[str, object]:
    """The policy of Amazon's IAM that lets a key do what S3front does, and no more."""
    bucket = f"arn:aws:s3:::{settings.bucket}"
    listing: dict[str, object] = {
        "Effect": "Allow",
        "Action": ["s3:ListBucket", "s3:ListBucketMultipartUploads"],
        "Resource": [bucket],
    }
    if settings.prefix:
        listing["Condition"] = {"StringLike": {"s3:prefix": [f"{settings.prefix}*"]}}
    objects = {
        "Effect": "Allow",
        "Action": [
            *("s3:GetObject", "s3:PutObject", "s3:DeleteObject"),
            *("s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"),
        ],
        "Resource": [f"{bucket}/{settings.prefix}*"],
    }
    return {"Version": "2012-10-17", "Statement": [listing, objects]}


async def _reached(storage: S3Storage) -> Finding:
    found = await attempt(_REACH, lambda: first_of(storage, ""), permission="s3:ListBucket")
    if found.grade is Grade.WRONG and not re.search("correct|set|permission", found.text):
        return replace(found, text=f"{found.text}; is endpoint right, and is the service up?")
    return found


async def _other_style(
    settings: S3Settings, timeouts: Timeouts | None, now: Callable[[], datetime]
) -> Finding | None:
    """A finding if the bucket is there, but only with its name in the other place."""
    other = S3Storage(
        replace(settings, path_style=not settings.path_style), timeouts=timeouts, now=now
    )
    await other.open()
    try:
        if (await _reached(other)).grade is Grade.WRONG:
            return None
    finally:
        await other.aclose()
    style = "virtual" if settings.path_style else "path"
    return Finding(
        grade=Grade.WRONG,
        tried=_REACH,
        text=f'the service wants the bucket named elsewhere: set address_style = "{style}"',
    )


def _clock(storage: S3Storage) -> Finding:
    ahead = storage.clock_ahead
    tried = "compare the clocks"
    if ahead is None:
        return Finding(grade=Grade.NOTE, tried=tried, text="the service does not tell its time")
    off = round(abs(ahead.total_seconds()))
    if abs(ahead) < MAX_SKEW / 5:
        return Finding(grade=Grade.GOOD, tried=tried)
    way = "behind" if ahead.total_seconds() > 0 else "ahead of"
    text = f"this machine's clock is {off} s {way} the service's: set it"
    return Finding(
        grade=Grade.NOTE if abs(ahead) < MAX_SKEW else Grade.WRONG, tried=tried, text=text
    )


class _Trial(Sentinels):
    """What an S3 service is asked, each with the permission that it needs."""

    def __init__(self, storage: S3Storage) -> None:
        super().__init__(storage)
        self._s3 = storage

    async def findings(self) -> Sequence[Finding]:
        try:
            written = await attempt("write", self.write, permission="s3:PutObject")
            if written.grade is Grade.WRONG:
                return [written]
            return [
                written,
                await attempt("look at what was written", self.stat, permission="s3:GetObject"),
                await attempt("read it", self.read, permission="s3:GetObject"),
                await attempt("read a range of it", self.read_range, permission="s3:GetObject"),
                await attempt("find it in a listing", self.list, permission="s3:ListBucket"),
                await self._create(),
                await attempt("copy it", self._copied, permission="s3:GetObject and s3:PutObject"),
                await attempt("begin an upload in parts", self._begin, permission="s3:PutObject"),
                await attempt("delete it", self.delete, permission="s3:DeleteObject"),
            ]
        finally:
            await self.remove()

    async def _create(self) -> Finding:
        """What is there must not be replaced where that was promised."""
        tried = "refuse to replace it"
        settings = self._s3.settings
        promised = settings.profile.creates
        bold = S3Storage(replace(settings, profile=replace(settings.profile, creates=True)))
        await bold.open()
        try:
            await bold.write(self.path, once(BYTES), size=len(BYTES), create=True)
        except Exists:
            if promised:
                return Finding(grade=Grade.GOOD, tried=tried)
            text = 'it does, but that is not relied on: profile = "aws" would'
        except StorageError as error:
            text = str(error)
        else:
            text = "it does not: another writer's object of the same name may be replaced"
        finally:
            await bold.aclose()
        if promised:
            text = f'{text}; set profile = "generic", which does not rely on it'
        return Finding(grade=Grade.WRONG if promised else Grade.NOTE, tried=tried, text=text)

    async def _copied(self) -> None:
        if self._s3.settings.profile.copies_if:
            await self._refused_copy()
        await self.copy()

    async def _refused_copy(self) -> None:
        try:
            await self.storage.copy(self.path, self.other, only_if=_NOBODY)
        except Damaged:
            return
        raise Damaged('it copies other bytes than are meant; set profile = "generic"')

    async def _begin(self) -> None:
        upload = await self.storage.begin_parts(self.other)
        await self.storage.abort_parts(self.other, upload)
