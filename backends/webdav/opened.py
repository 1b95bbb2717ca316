"""What there is while a storage is open, and how it comes about."""

from collections.abc import Sequence
from dataclasses import dataclass

from backends.errors import Unavailable, Unsupported
from backends.http.client import Client
from backends.interface import Can
from backends.webdav.afterwards import Afterwards
from backends.webdav.asking import Dav
from backends.webdav.chunking import Uploads
from backends.webdav.deleting import Deleter
from backends.webdav.describing import Descriptions, descriptions
from backends.webdav.dialect import Chunks, Dialect
from backends.webdav.folders import Folders, Locks
from backends.webdav.parts import Parts
from backends.webdav.probing import probe
from backends.webdav.publishing import INCOMING, Publisher
from backends.webdav.reading import Reader
from backends.webdav.refusals import refusal
from backends.webdav.remembering import remember, remembered
from backends.webdav.settings import WebDavSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The pieces of an open storage."""

    dav: Dav
    dialect: Dialect
    folders: Folders
    descriptions: Descriptions
    publisher: Publisher
    reader: Reader
    deleter: Deleter
    uploads: Uploads | None
    """Where large bodies go."""
    parts: Parts | None

    @property
    def can(self) -> Can:
        """What is declared, but for links."""
        return _can(self.dialect, self.descriptions)


async def opened(
    settings: WebDavSettings,
    client: Client,
    uploads_client: Client | None,
    *,
    dialect: Dialect | None,
    anew: bool,
    afterwards: Afterwards,
    pauses_s: Sequence[float],
) -> Opened:
    """Open a storage on a server of that ``dialect``; without one it is remembered, unless it is to be
    found out ``anew``, or found out."""
    locks = Locks()
    top = Dav(client, settings.authorizer)
    await _is_webdav(top)
    if settings.prefix:
        await Folders(top, locks).make(settings.prefix)
    dav = Dav(client, settings.authorizer, settings.prefix)
    folders = Folders(dav, locks)
    await folders.make(INCOMING)
    uploads = None
    if uploads_client is not None:
        home = Dav(uploads_client, settings.authorizer)
        uploads = Uploads(home, dav, afterwards, pauses_s=pauses_s)
    if dialect is None and not anew:
        dialect = await remembered(dav)
    if dialect is None:
        dialect = await probe(dav, folders, uploads)
        await remember(dav, dialect)
    if uploads is not None:
        uploads.keeps_times = dialect.chunk_times
    dav.destination = dialect.destination
    dav.heads = dialect.heads
    dav.base = f"{dialect.base}{settings.prefix}/" if settings.prefix else dialect.base
    return _put_together(
        dav,
        dialect,
        folders=folders,
        uploads=uploads,
        locks=locks,
        afterwards=afterwards,
        pauses_s=pauses_s,
    )


def _put_together(
    dav: Dav,
    dialect: Dialect,
    *,
    folders: Folders,
    uploads: Uploads | None,
    locks: Locks,
    afterwards: Afterwards,
    pauses_s: Sequence[float],
) -> Opened:
    kept = descriptions(dav, dialect, folders)
    publisher = Publisher(
        dav=dav,
        dialect=dialect,
        folders=folders,
        descriptions=kept,
        locks=locks,
        afterwards=afterwards,
        pauses_s=pauses_s,
    )
    parts = None
    if uploads is not None and dialect.chunks is Chunks.CHOSEN:
        parts = Parts(
            uploads=uploads,
            dav=dav,
            folders=folders,
            descriptions=kept,
            publisher=publisher,
            afterwards=afterwards,
        )
    return Opened(
        dav=dav,
        dialect=dialect,
        folders=folders,
        descriptions=kept,
        publisher=publisher,
        reader=Reader(dav, dialect, kept),
        deleter=Deleter(
            dav=dav, dialect=dialect, folders=folders, descriptions=kept, publisher=publisher
        ),
        uploads=None if dialect.chunks is Chunks.NONE else uploads,
        parts=parts,
    )


async def _is_webdav(top: Dav) -> None:
    answer = await top.propfind("", 0, folder=True)
    await answer.excerpt()
    match answer.status:
        case 207:
            return
        case 404 | 409 | 410:
            raise Unavailable(f"{top.where}: there is no such folder: correct the endpoint")
        case 405 | 501 | 200:
            raise Unsupported(
                f"{top.where}: PROPFIND was answered {answer.status}: this is no WebDAV server, or not"
                " the URL of its files (nginx needs dav-ext)"
            )
        case _:
            raise refusal(top.where, "PROPFIND", answer.status, answer.headers)


def _can(dialect: Dialect, kept: Descriptions) -> Can:
    can = Can.TREE
    if dialect.creates and dialect.renames:
        can |= Can.CREATE | Can.MOVE
    if dialect.copies:
        can |= Can.COPY
    if kept.most:
        can |= Can.DESCRIBE
    if dialect.properties:
        can |= Can.UNIQUE
    if dialect.chunks is Chunks.CHOSEN:
        can |= Can.PARTS | Can.OPEN_PARTS
    return can
