"""The emulator's uploads in chunks: the developer manual, version 2, and apps/dav/lib/Upload."""

from tests.backends.webdav.nextcloud.asking import FILES, UPLOADS, Cloud
from tests.backends.webdav.nextcloud.uploads import LEAST_CHUNK

_LEAST = b"x" * LEAST_CHUNK


def test_chunks_become_a_file_in_the_order_of_their_names(cloud: Cloud) -> None:
    cloud.begin("order", "joined")
    for chunk, data in (("10", b"end"), ("9", b"b"), ("1", b"z"), ("00002", b"a")):
        assert cloud.put("order", chunk, data, "joined").status == 201
    assert cloud.put("order", "1", b"first ", "joined").status == 204
    assert cloud.control.uploads()["order"] == ["1", "00002", "9", "10"]
    done = cloud.assemble("order", "joined", OC_Total_Length="11", X_OC_MTime="1700000000")
    assert (done.status, done.headers["X-OC-MTime"]) == (201, "accepted")
    assert cloud.read("joined") == b"first abend"
    got = cloud.ask("GET", f"{FILES}/joined")
    assert got.headers["ETag"] == done.headers["ETag"] == done.headers["OC-ETag"]
    assert cloud.assemble("order", "joined").status == 404
    assert cloud.control.uploads() == {}


def test_the_file_that_is_replaced_stays_the_same_file(cloud: Cloud) -> None:
    before = cloud.ask("PUT", f"{FILES}/again", b"old")
    cloud.begin("again", "again")
    cloud.put("again", "1", b"new", "again")
    assert cloud.read("again") == b"old"
    assert cloud.assemble("again", "again", Overwrite="F").status == 412
    done = cloud.assemble("again", "again")
    assert (done.status, done.headers["OC-FileId"]) == (204, before.headers["OC-FileId"])
    assert cloud.read("again") == b"new"


def test_rules_of_version_2_are_held(cloud: Cloud) -> None:
    assert cloud.ask("MKCOL", f"{UPLOADS}/rules").status == 400
    cloud.begin("rules", "ruled")
    assert cloud.ask("MKCOL", f"{UPLOADS}/rules", Destination=cloud.at("ruled")).status == 405
    assert cloud.ask("PUT", f"{UPLOADS}/rules/1", b"1").status == 400
    for name in ("0", "10001", "one", "-1", "1.0"):
        assert cloud.put("rules", name, b"1", "ruled").status == 400, name
    for name in ("1", "10000"):
        assert cloud.put("rules", name, b"1", "ruled").status == 201, name
    assert cloud.ask("MOVE", f"{UPLOADS}/rules/.file").status == 400
    assert cloud.assemble("rules", "none/ruled").status == 409
    assert cloud.assemble("rules", "ruled", OC_Total_Length="3").status == 400
    assert cloud.put("never begun", "1", b"1", "ruled").status == 409
    assert cloud.read("ruled") is None
    assert cloud.assemble("rules", "ruled", OC_Total_Length="2").status == 201


def test_a_server_on_disks_takes_more_than_the_manual_says(cloud: Cloud) -> None:
    cloud.control.set(strict=False)
    assert cloud.ask("MKCOL", f"{UPLOADS}/version 1").status == 201
    for name in ("b", "a"):
        assert cloud.ask("PUT", f"{UPLOADS}/version 1/{name}", name.encode()).status == 201
    assert cloud.assemble("version 1", "first").status == 201
    assert cloud.read("first") == b"ab"


def test_chunks_are_listed_and_not_read(cloud: Cloud) -> None:
    cloud.begin("listed", "listed")
    cloud.put("listed", "1", b"one", "listed")
    told = cloud.ask("PROPFIND", f"{UPLOADS}/listed", Depth="1").properties()
    folder = f"{UPLOADS}/listed"
    assert sorted(told) == [f"{folder}/", f"{folder}/.file", f"{folder}/1"]
    assert told[f"{folder}/1"]["getcontentlength"] == "3"
    assert "id" not in told[f"{folder}/1"]
    for name in ("1", ".file"):
        assert cloud.ask("GET", f"{folder}/{name}").status == 405
    assert f"{folder}/" in cloud.ask("PROPFIND", UPLOADS, Depth="1").properties()
    assert cloud.ask("DELETE", folder).status == 204
    assert cloud.ask("PROPFIND", folder, Depth="0").status == 404
    assert cloud.put("listed", "2", b"two", "listed").status == 409


def test_a_chunk_that_is_deleted_is_no_part_of_the_file(cloud: Cloud) -> None:
    cloud.begin("fewer", "fewer")
    for name in ("1", "2", "3"):
        cloud.put("fewer", name, name.encode(), "fewer")
    assert cloud.ask("DELETE", f"{UPLOADS}/fewer/2", Destination=cloud.at("fewer")).status == 204
    assert cloud.assemble("fewer", "fewer").status == 201
    assert cloud.read("fewer") == b"13"


def test_an_object_store_has_its_own_rules(cloud: Cloud) -> None:
    cloud.control.set(store="object")
    cloud.begin("small", "small")
    assert cloud.put("small", "1", b"small", "small").status == 201
    assert cloud.put("small", "00001", b"small", "small").status == 201
    assert cloud.put("small", "2", b"last", "small").status == 201
    assert cloud.assemble("small", "small").status == 500
    assert cloud.read("small") is None
    assert cloud.put("small", "1", _LEAST, "small").status == 201
    assert cloud.assemble("small", "small").status == 201
    assert cloud.read("small") == _LEAST + b"last"
    cloud.begin("nowhere", "no folder/file")
    assert cloud.put("nowhere", "1", b"1", "no folder/file").status == 404


def test_an_object_store_gives_up_all_for_one_chunk(cloud: Cloud) -> None:
    cloud.control.set(store="object")
    cloud.begin("given up", "given up")
    cloud.put("given up", "1", b"1", "given up")
    to = cloud.at("given up")
    assert cloud.ask("DELETE", f"{UPLOADS}/given up/1", Destination=to).status == 404
    assert cloud.put("given up", "2", b"2", "given up").status == 500
    assert cloud.assemble("given up", "given up").status == 500


def test_an_upload_expires(cloud: Cloud) -> None:
    cloud.begin("expires", "expires")
    cloud.put("expires", "1", b"1", "expires")
    cloud.control.expire()
    assert cloud.put("expires", "2", b"2", "expires").status == 409
    assert cloud.assemble("expires", "expires").status == 404
    assert cloud.read("expires") is None


def test_a_quota_is_held_early_and_late(cloud: Cloud) -> None:
    cloud.ask("PUT", f"{FILES}/quota", b"12345")
    cloud.begin("quota", "quota")
    cloud.control.set(quota=1)
    assert cloud.ask("PUT", f"{FILES}/quota 2", b"12345").status == 507
    assert cloud.put("quota", "1", b"12", "quota", OC_Total_Length="9").status == 507
    assert cloud.put("quota", "1", b"12", "quota").status == 201
    assert cloud.assemble("quota", "quota").status == 507
    assert cloud.read("quota") == b"12345"
