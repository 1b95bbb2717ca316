"""Listing what a server tells, as long as it can be believed."""

import pytest
from aiohttp import web

from backends.errors import (
    Denied,
    Unavailable,
)
from backends.webdav import walking
from backends.webdav.storage import WebDavStorage
from tests.backends.making import paths
from tests.backends.webdav.lying import Lying, on, status
from tests.backends.webdav.opening import put


async def test_a_listing_that_tells_of_other_places_is_refused(
    storage: WebDavStorage, server: Lying
) -> None:
    await put(storage, "b/k", b"data")

    async def elsewhere(_: web.Request) -> web.StreamResponse:
        text = (
            '<multistatus xmlns="DAV:"><response><href>/../etc/passwd</href><propstat><prop>'
            "<getcontentlength>1</getcontentlength></prop></propstat></response></multistatus>"
        )
        return web.Response(status=207, text=text)

    server.href_base = "/other/"
    with pytest.raises(Unavailable):
        await paths(storage)
    server.href_base = "/"
    server.lies.append(on("PROPFIND", elsewhere))
    with pytest.raises(Unavailable):
        await paths(storage)
    assert await paths(storage) == ["b/k"]


async def test_a_listing_that_is_cut_off_is_no_listing(
    storage: WebDavStorage, server: Lying
) -> None:
    for n in range(5):
        await put(storage, f"b/{n}", b"data")

    async def less(request: web.Request) -> web.StreamResponse:
        told = await server.honest(request)
        assert isinstance(told, web.Response)
        assert isinstance(told.body, bytes)
        return web.Response(status=207, body=told.body[: len(told.body) * 2 // 3])

    server.lies.append(on("PROPFIND", less, path="/b"))
    with pytest.raises(Unavailable):
        await paths(storage, "b/")


async def test_large_folders_and_deep_trees_are_listed_in_parts(
    storage: WebDavStorage, server: Lying, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walking, "NAMES", 3)
    monkeypatch.setattr(walking, "ALL_NAMES", 7)
    wanted = [f"b/{'/'.join(n)}/{k}" for n in ("", "x", "xy", "xyz", "wxyz") for k in range(10)]
    wanted = [path.replace("//", "/") for path in wanted]
    for path in wanted:
        server.put(path, b"x")
    wanted.sort(key=str.encode)
    assert await paths(storage) == wanted
    for after in (wanted[0], wanted[17], "b/x", "b/x/", "b/x/y/z/5x"):
        assert await paths(storage, after=after) == [p for p in wanted if p > after]
    assert await paths(storage, "b/x/y/") == [p for p in wanted if p.startswith("b/x/y/")]


async def test_a_folder_that_may_not_be_read_is_denied_or_passed_over(
    storage: WebDavStorage, server: Lying
) -> None:
    for path in ("b/a", "b/c/k", "b/d"):
        server.put(path, b"x")
    server.lies.append(on("PROPFIND", status(403), path="/b/c", times=99))
    with pytest.raises(Denied):
        await paths(storage)
    found = [stored.path async for stored in storage.list(pass_over_closed=True)]
    assert found == ["b/a", "b/d"]


async def test_a_storage_whose_folder_is_gone_is_not_an_empty_one(
    storage: WebDavStorage, server: Lying
) -> None:
    await put(storage, "b/k", b"data")
    server.files.clear()
    server.folders.clear()
    with pytest.raises(Unavailable):
        await paths(storage)


async def test_names_that_are_no_paths_are_left_out(storage: WebDavStorage, server: Lying) -> None:
    for path in ("b/k", "b/c\x7fd", "b/e\x85", "b/" + "x" * 300, ".S3Front/k", "b/f/.../k"):
        server.put(path, b"x")
    assert await paths(storage) == ["b/f/.../k", "b/k"]
