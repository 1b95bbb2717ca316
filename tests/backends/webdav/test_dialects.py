"""What each server is found out to do: the rows of docs/storages-webdav.md, held against the servers."""

import base64
from dataclasses import replace

import aiohttp
import pytest

from backends.errors import NameRefused
from backends.interface import Can
from backends.webdav.dialect import BLANK, Chunks, Kind, Validator, kind_of
from backends.webdav.settings import webdav_settings
from backends.webdav.storage import WebDavStorage
from tests.backends.making import body, drained
from tests.backends.webdav.opening import HONEST
from tests.backends.webdav.servers import apache
from tests.backends.webdav.serving import running, settings_of

APACHE = replace(HONEST, kind=Kind.APACHE, validator=Validator.WEAK, lost=frozenset({".dav"}))
SEEN = {
    "apache": APACHE,
    "lighttpd": replace(
        APACHE,
        kind=Kind.LIGHTTPD,
        validator=Validator.STRONG,
        if_match=False,
        lost=frozenset(),
        yields=False,
    ),
    "nginx": replace(
        APACHE,
        kind=Kind.NGINX,
        validator=Validator.MODIFIED,
        at_once=False,
        properties=False,
        hides_dots=True,
        lost=frozenset(),
    ),
    "nextcloud": replace(
        APACHE,
        kind=Kind.NEXTCLOUD,
        base="/remote.php/dav/files/ann/",
        validator=Validator.STRONG,
        at_once=False,
        spares_folders=False,
        folds=True,
        cannot=frozenset("\\"),
        lost=frozenset({".htaccess", BLANK}),
        longest=250,
        chunks=Chunks.CHOSEN,
    ),
    "rclone": replace(
        APACHE,
        kind=Kind.GENERIC,
        validator=Validator.STRONG,
        properties=False,
        spares_folders=False,
        lost=frozenset(),
    ),
    "sabre": replace(
        APACHE,
        kind=Kind.SABRE,
        validator=Validator.MODIFIED,
        renames=False,
        at_once=False,
        properties=False,
        spares_folders=False,
        lost=frozenset({"0"}),
    ),
    "wsgidav": replace(
        APACHE,
        kind=Kind.WSGIDAV,
        validator=Validator.STRONG,
        cannot=frozenset(";?"),
        lost=frozenset(),
    ),
}
ALWAYS = Can.TREE | Can.COPY
MOVES = ALWAYS | Can.CREATE | Can.MOVE | Can.DESCRIBE
DECLARED = {
    "apache": MOVES | Can.UNIQUE,
    "lighttpd": MOVES | Can.UNIQUE,
    "nextcloud": MOVES | Can.UNIQUE | Can.PARTS | Can.OPEN_PARTS,
    "nginx": MOVES,
    "rclone": MOVES,
    "sabre": ALWAYS,
    "wsgidav": MOVES | Can.UNIQUE,
}
# Whether ETags of one second differ is for these a matter of the machine: a tick of its clock, or
# the number of a file that was free again. They have properties, so nothing depends on it.
BY_CHANCE = {"apache", "lighttpd", "wsgidav", "rclone"}


def opened(name: str, prefix: str) -> WebDavStorage:
    return WebDavStorage(webdav_settings({**settings_of(name), "prefix": prefix}))


def client(name: str) -> aiohttp.ClientSession:
    """Somebody else, who has the same password if there is one."""
    told = running(name).settings
    user = f"{told['username']}:{told['password']}" if told else ""
    basic = {"Authorization": f"Basic {base64.b64encode(user.encode()).decode()}"}
    return aiohttp.ClientSession(headers=basic if told else {})


@pytest.mark.parametrize("name", sorted(SEEN))
async def test_a_server_is_found_out(name: str) -> None:
    storage = opened(name, "found out")
    await storage.open()
    try:
        found = storage.dialect
        assert found is not None
        if name in BY_CHANCE:
            found = replace(found, at_once=SEEN[name].at_once)
        assert found == SEEN[name]
        assert storage.can == DECLARED[name]
        text = str(found)
        assert text.startswith(found.kind.value)
        assert ("yes keeps properties" in text) == found.properties
        assert ("names cannot hold ; ?" in text) == (name == "wsgidav")
        assert ("names have 250 bytes at most" in text) == (name == "nextcloud")
    finally:
        await storage.aclose()
    left = {path.name for path in (running(name).root / "found out/.s3front").iterdir()}
    assert {name for name in left if not name.startswith(".")} == {"dialect", "incoming"}


async def test_an_apache_that_takes_settings_from_files_holds_none_of_that_name() -> None:
    with apache(override="All") as one:
        storage = WebDavStorage(webdav_settings({"endpoint": one.url, "allow_private": True}))
        await storage.open()
        try:
            assert storage.dialect is not None
            assert storage.dialect.lost == {".dav", ".htaccess"}
            with pytest.raises(NameRefused):
                await storage.write("b/.htaccess", body(b"nonsense"), size=8)
            await storage.write("b/k", body(b"data"), size=4)
            assert [stored.path async for stored in storage.list()] == ["b/k"]
        finally:
            await storage.aclose()
        left = {path.name for path in (one.root / ".s3front").iterdir()}
        assert {name for name in left if not name.startswith(".")} == {"dialect", "incoming"}


@pytest.mark.parametrize("name", sorted(SEEN))
async def test_files_are_plain_files_and_those_of_others_are_seen(name: str) -> None:
    storage = opened(name, "plain")
    await storage.open()
    try:
        await storage.write("b/d/k", body(b"data"), size=4)
        root = running(name).root / "plain"
        assert (root / "b/d/k").read_bytes() == b"data"
        url = f"{running(name).url}/plain/b/d/theirs"
        async with client(name) as other, other.put(url, data=b"more data") as answer:
            assert answer.status == 201
        stored = await storage.stat("b/d/theirs")
        assert (stored.fingerprint.size, stored.description) == (9, None)
        content = await storage.read("b/d/theirs", only_if=stored.fingerprint)
        assert await drained(content) == b"more data"
        assert [stored.path async for stored in storage.list()] == ["b/d/k", "b/d/theirs"]
    finally:
        await storage.aclose()


@pytest.mark.parametrize("name", sorted(SEEN))
async def test_a_folder_is_never_deleted(name: str) -> None:
    storage = opened(name, "folders")
    await storage.open()
    try:
        await storage.write("b/d/k", body(b"data"), size=4)
        root = running(name).root / "folders"
        (root / "b/empty").mkdir()
        for path in ("b", "b/d", "b/empty"):
            await storage.delete(path)
        await storage.delete("b/d/k")
        assert (root / "b/d").is_dir()
        assert (root / "b/empty").is_dir()
        assert not (root / "b/d/k").exists()
    finally:
        await storage.aclose()


MOVED_TO_A_FOLDER = {
    "apache": "refused",
    "lighttpd": "put into it",
    "nextcloud": "replaced it",
    "nginx": "refused",
    "rclone": "replaced it",
    "sabre": "replaced it",
    "wsgidav": "replaced it",
}


@pytest.mark.parametrize("name", sorted(MOVED_TO_A_FOLDER))
async def test_what_becomes_of_a_folder_whose_name_a_file_is_moved_to(name: str) -> None:
    """Why a path is looked at before each MOVE that replaces: hardly a server refuses."""
    url, root = running(name).url, running(name).root / "moved"
    async with client(name) as other:
        for method, path in (("MKCOL", ""), ("MKCOL", "d/"), ("PUT", "d/x"), ("PUT", "f")):
            async with other.request(method, f"{url}/moved/{path}", data=b"") as answer:
                assert answer.status == 201
        headers = {"Destination": f"{url}/moved/d", "Overwrite": "T"}
        moving = other.request("MOVE", f"{url}/moved/f", headers=headers, allow_redirects=False)
        async with moving as answer:
            assert (answer.status in {201, 204}) == (MOVED_TO_A_FOLDER[name] != "refused")
    if MOVED_TO_A_FOLDER[name] == "replaced it":
        assert (root / "d").is_file()
    else:
        assert (root / "d/x").is_file()
        assert (root / "d/f").is_file() == (MOVED_TO_A_FOLDER[name] == "put into it")


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ({"DAV": "1, 3, extended-mkcol, nextcloud-checksum-update"}, Kind.NEXTCLOUD),
        ({"DAV": "1, 3, oc-resource-sharing, nc-paginate"}, Kind.NEXTCLOUD),
        ({"DAV": "1, 3, oc-resource-sharing", "Server": "Apache"}, Kind.OWNCLOUD),
        ({"X-Sabre-Version": "1.8.12", "Server": "Apache"}, Kind.SABRE),
        ({"Server": "Apache/2.4.71 (Debian)"}, Kind.APACHE),
        ({"Server": "nginx/1.22.1"}, Kind.NGINX),
        ({"Server": "lighttpd/1.4.69"}, Kind.LIGHTTPD),
        ({"Server": "WsgiDAV/4.4.0 Cheroot/11"}, Kind.WSGIDAV),
        ({"Server": "rclone/v1.75"}, Kind.RCLONE),
        ({}, Kind.GENERIC),
    ],
)
def test_who_a_server_says_it_is(headers: dict[str, str], kind: Kind) -> None:
    assert kind_of(headers) is kind
