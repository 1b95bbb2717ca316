"""The emulator's files, as Nextcloud's source and the developer manual have them."""

import time

import pytest

from tests.backends.webdav.nextcloud.asking import FILES, Cloud

_PROPERTIES = b"""<?xml version="1.0"?>
<d:propfind xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns" xmlns:x="urn:x">
<d:prop><d:getetag/><d:getcontentlength/><d:resourcetype/><d:getlastmodified/>
<oc:id/><oc:fileid/><oc:size/><oc:permissions/><oc:checksums/><x:own/></d:prop></d:propfind>"""
_OWN = b"""<d:propertyupdate xmlns:d="DAV:" xmlns:x="urn:x">
<d:set><d:prop><x:own>1 &lt; 2</x:own></d:prop></d:set></d:propertyupdate>"""


def test_it_says_what_it_is_without_a_password(cloud: Cloud) -> None:
    answer = cloud.ask("GET", "/status.php", Authorization="")
    assert answer.status == 200
    assert b'"productname": "Nextcloud"' in answer.body
    told = cloud.ask("PROPFIND", FILES, Authorization="")
    assert told.status == 401
    assert told.headers["WWW-Authenticate"] == 'Basic realm="Nextcloud", charset="UTF-8"'
    assert b"Sabre\\DAV\\Exception\\NotAuthenticated" in told.body
    assert "nextcloud-checksum-update" in cloud.ask("OPTIONS", FILES).headers["DAV"]


def test_a_file_is_written_and_read(cloud: Cloud) -> None:
    first = cloud.ask("PUT", f"{FILES}/file", b"data", X_OC_MTime="1700000000")
    assert (first.status, first.headers["X-OC-MTime"]) == (201, "accepted")
    assert first.headers["OC-ETag"] == first.headers["ETag"]
    got = cloud.ask("GET", f"{FILES}/file")
    assert (got.status, got.body) == (200, b"data")
    assert got.headers["ETag"] == first.headers["ETag"]
    assert got.headers["Last-Modified"] == "Tue, 14 Nov 2023 22:13:20 GMT"
    again = cloud.ask("PUT", f"{FILES}/file", b"other")
    assert again.status == 204
    assert again.headers["OC-FileId"] == first.headers["OC-FileId"]
    assert again.headers["ETag"] != first.headers["ETag"]


def test_an_etag_is_that_of_a_second(cloud: Cloud) -> None:
    while True:
        second = int(time.time())
        told = [cloud.ask("PUT", f"{FILES}/twice", data) for data in (b"1", b"22")]
        if int(time.time()) == second:
            break
    assert told[0].headers["ETag"] == told[1].headers["ETag"]
    assert cloud.read("twice") == b"22"
    cloud.control.set(etags_of_seconds=False)
    again = cloud.ask("PUT", f"{FILES}/twice", b"1")
    assert again.headers["ETag"] != told[1].headers["ETag"]


@pytest.mark.parametrize(
    ("asked", "status", "body"),
    [
        ("bytes=1-2", 206, b"12"),
        ("bytes=7-", 206, b"789"),
        ("bytes=-3", 206, b"789"),
        ("bytes=0-0", 206, b"0123456789"),
        ("bytes=1-2,4-5", 200, b"0123456789"),
    ],
)
def test_ranges_are_those_of_sabre(cloud: Cloud, asked: str, status: int, body: bytes) -> None:
    """An end of 0 is none to it, and several are not known."""
    cloud.ask("PUT", f"{FILES}/ranges", b"0123456789")
    got = cloud.ask("GET", f"{FILES}/ranges", Range=asked)
    assert (got.status, got.body) == (status, body)
    assert cloud.ask("GET", f"{FILES}/ranges", Range="bytes=10-").status == 416


def test_what_is_there_is_told(cloud: Cloud) -> None:
    cloud.ask("MKCOL", f"{FILES}/told")
    written = cloud.ask("PUT", f"{FILES}/told/ü", b"data", OC_Checksum="SHA1:abc")
    told = cloud.ask("PROPFIND", f"{FILES}/told", _PROPERTIES, Depth="1")
    assert told.status == 207
    by_href = told.properties()
    assert list(by_href) == [f"{FILES}/told/", f"{FILES}/told/%c3%bc"]
    file = by_href[f"{FILES}/told/%c3%bc"]
    assert file["getetag"] == written.headers["ETag"]
    assert file["id"] == written.headers["OC-FileId"]
    assert (file["getcontentlength"], file["size"], file["permissions"]) == ("4", "4", "RGDNVW")
    assert b"<oc:checksum>SHA1:abc</oc:checksum>" in told.body
    assert "own" not in file
    assert cloud.ask("PROPFIND", f"{FILES}/told/none", Depth="0").status == 404
    cloud.ask("MKCOL", f"{FILES}/told/d")
    cloud.ask("PUT", f"{FILES}/told/d/deep", b"")
    deep = cloud.ask("PROPFIND", f"{FILES}/told", _PROPERTIES, Depth="infinity")
    assert f"{FILES}/told/d/deep" in deep.properties()


def test_a_move_takes_all_along_and_a_copy_the_bytes(cloud: Cloud) -> None:
    written = cloud.ask("PUT", f"{FILES}/from", b"data")
    assert cloud.ask("PROPPATCH", f"{FILES}/from", _OWN).status == 207
    moved = cloud.ask("MOVE", f"{FILES}/from", Destination=cloud.at("to"))
    assert (moved.status, moved.headers["ETag"]) == (201, written.headers["ETag"])
    assert moved.headers["OC-FileId"] == written.headers["OC-FileId"]
    assert cloud.ask("COPY", f"{FILES}/to", Destination=cloud.at("copy")).status == 201
    own = {}
    for name in ("to", "copy"):
        told = cloud.ask("PROPFIND", f"{FILES}/{name}", _PROPERTIES, Depth="0").properties()
        own[name] = told[f"{FILES}/{name}"].get("own")
    assert own == {"to": "1 < 2", "copy": None}
    assert (cloud.read("from"), cloud.read("copy")) == (None, b"data")


def test_who_may_not_move_is_told_why(cloud: Cloud) -> None:
    cloud.ask("PUT", f"{FILES}/a", b"a")
    cloud.ask("PUT", f"{FILES}/b", b"b")
    for headers, status in (
        ({}, 400),
        ({"Destination": cloud.at("a")}, 403),
        ({"Destination": cloud.at("b"), "Overwrite": "F"}, 412),
        ({"Destination": cloud.at("none/b")}, 409),
        ({"Destination": cloud.at("a/b")}, 409),
        ({"Destination": "/elsewhere"}, 403),
    ):
        assert cloud.ask("MOVE", f"{FILES}/a", **headers).status == status, headers
    assert (cloud.read("a"), cloud.read("b")) == (b"a", b"b")
    assert cloud.ask("MOVE", f"{FILES}/a", Destination=cloud.at("b")).status == 204
    assert (cloud.read("a"), cloud.read("b")) == (None, b"a")


def test_folders_are_as_sabre_has_them(cloud: Cloud) -> None:
    assert cloud.ask("MKCOL", f"{FILES}/d").status == 201
    assert cloud.ask("MKCOL", f"{FILES}/d").status == 405
    assert cloud.ask("MKCOL", f"{FILES}/none/d").status == 409
    assert cloud.ask("PUT", f"{FILES}/none/file", b"").status == 409
    assert cloud.ask("PUT", f"{FILES}/d", b"").status == 409
    assert cloud.ask("PUT", f"{FILES}/d/file", b"").status == 201
    assert cloud.ask("DELETE", f"{FILES}/d", Depth="0").status == 204
    assert cloud.read("d/file") is None


def test_conditions_are_held(cloud: Cloud) -> None:
    etag = cloud.ask("PUT", f"{FILES}/if", b"1").headers["ETag"]
    assert cloud.ask("PUT", f"{FILES}/if", b"2", If_None_Match="*").status == 412
    assert cloud.ask("PUT", f"{FILES}/if", b"2", If_Match='"other"').status == 412
    assert cloud.ask("GET", f"{FILES}/if", If_Match='"other"').status == 412
    assert cloud.ask("GET", f"{FILES}/if", If_None_Match=etag).status == 304
    assert cloud.ask("PUT", f"{FILES}/if", b"2", If_Match=etag).status == 204


def test_names_are_composed_and_some_are_refused(cloud: Cloud) -> None:
    assert cloud.ask("PUT", f"{FILES}/e\u0301", b"x").status == 201
    assert f"{FILES}/%c3%a9" in cloud.ask("PROPFIND", FILES, _PROPERTIES, Depth="1").properties()
    for name in ("a\\b", "a\tb", ".htaccess", "x.part", "n" * 251):
        assert cloud.ask("PUT", f"{FILES}/{name}", b"").status == 400, name
    assert cloud.ask("PROPFIND", f"{FILES}/.htaccess", Depth="0").status == 400
    assert cloud.ask("PROPFIND", f"{FILES}/a\\b", Depth="0").status == 404
    cloud.control.set(looks_refuse_names=True)
    assert cloud.ask("PROPFIND", f"{FILES}/a\\b", Depth="0").status == 400


def test_there_is_one_user(cloud: Cloud) -> None:
    assert cloud.ask("PROPFIND", "/remote.php/dav/files/other/", Depth="0").status == 404
    assert cloud.ask("GET", f"{FILES}/../../files/other/x").status == 404
