"""The emulator misbehaves when it is told to, as the reports have it."""

import socket
from urllib.parse import urlsplit

from tests.backends.webdav.nextcloud.asking import AUTHORIZED, FILES, UPLOADS, Cloud


def test_a_move_that_times_out_goes_on(cloud: Cloud) -> None:
    """504 at once, 423 while it runs, 404 when it is done."""
    cloud.ask("PUT", f"{FILES}/slow", b"old")
    cloud.begin("slow", "slow")
    cloud.put("slow", "1", b"new", "slow")
    cloud.control.set(moves_that_time_out=1, assembly_held=True)
    assert cloud.assemble("slow", "slow").status == 504
    assert cloud.assemble("slow", "slow").status == 423
    assert cloud.ask("DELETE", f"{FILES}/slow").status == 423
    assert cloud.ask("PUT", f"{FILES}/slow", b"mine").status == 423
    assert cloud.read("slow") == b"old"
    cloud.control.release()
    assert cloud.read("slow") == b"new"
    assert cloud.assemble("slow", "slow").status == 404


def test_who_deletes_an_upload_takes_its_chunks_from_the_assembly(cloud: Cloud) -> None:
    cloud.begin("pulled", "pulled")
    cloud.put("pulled", "1", b"1", "pulled")
    cloud.control.set(moves_that_time_out=1, assembly_held=True)
    assert cloud.assemble("pulled", "pulled").status == 504
    assert cloud.ask("DELETE", f"{UPLOADS}/pulled").status == 204
    cloud.control.release()
    assert cloud.read("pulled") is None


def test_an_answer_may_lie_about_what_was_done(cloud: Cloud) -> None:
    cloud.ask("PUT", f"{FILES}/lied", b"x")
    lies = [
        {"method": "MOVE", "status": 423},
        {"method": "MOVE", "status": 404, "path": "lied", "done": True},
    ]
    cloud.control.set(lies=lies)
    to = {"Destination": cloud.at("lied to")}
    assert cloud.ask("MOVE", f"{FILES}/lied", **to).status == 423
    assert cloud.read("lied") == b"x"
    assert cloud.ask("MOVE", f"{FILES}/lied", **to).status == 404
    assert cloud.read("lied to") == b"x"
    back = {"Destination": cloud.at("lied")}
    assert cloud.ask("MOVE", f"{FILES}/lied to", **back).status == 201


def test_a_body_without_a_length_is_lost(cloud: Cloud) -> None:
    assert cloud.ask("PUT", f"{FILES}/kept", iter([b"da", b"ta"])).status == 201
    cloud.control.set(empties_chunked_bodies=True)
    assert cloud.ask("PUT", f"{FILES}/lost", iter([b"da", b"ta"])).status == 201
    assert (cloud.read("kept"), cloud.read("lost")) == (b"data", b"")


def test_etags_change_by_themselves(cloud: Cloud) -> None:
    before = cloud.ask("PUT", f"{FILES}/changing", b"x").headers["ETag"]
    cloud.control.change_etags()
    after = cloud.ask("HEAD", f"{FILES}/changing").headers["ETag"]
    assert before != after
    assert cloud.read("changing") == b"x"


def test_maintenance_is_told_to_all(cloud: Cloud) -> None:
    cloud.control.set(maintenance=True)
    answer = cloud.ask("PROPFIND", FILES, Depth="0")
    assert answer.status == 503
    assert answer.headers["X-Nextcloud-Maintenance-Mode"] == "1"
    assert b'"maintenance": true' in cloud.ask("GET", "/status.php").body


def test_wrong_passwords_close_the_door_to_the_right_one(cloud: Cloud) -> None:
    cloud.control.set(throttled_after=2)
    for _ in range(2):
        assert cloud.ask("PROPFIND", FILES, Authorization="Basic eDp5").status == 401
    assert cloud.ask("PROPFIND", FILES, Depth="0").status == 429


def test_a_proxy_takes_no_long_bodies(cloud: Cloud) -> None:
    """It says so before it has seen any of them."""
    cloud.control.set(max_body=10)
    assert cloud.ask("PUT", f"{FILES}/short", b"x" * 10).status == 201
    parts = urlsplit(cloud.url)
    for length, expect, answer in (
        (11, "", b"HTTP/1.1 413"),
        (11, "Expect: 100-continue\r\n", b"HTTP/1.1 413"),
        (10, "Expect: 100-continue\r\n", b"HTTP/1.1 100"),
    ):
        request = f"PUT {FILES}/long HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n{expect}"
        request += f"Authorization: {AUTHORIZED['Authorization']}\r\n\r\n"
        with socket.create_connection((parts.hostname or "", parts.port or 0), 30) as connection:
            connection.sendall(request.encode())
            assert connection.recv(len(answer)) == answer
    assert cloud.read("long") is None
