"""Load goes to this machine only, and to processes that are there."""

import os

import pytest

from bench.server import ServerError, loopback, running


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:9000", ("127.0.0.1", 9000)),
        ("http://127.8.9.10:1/", ("127.8.9.10", 1)),
        ("http://localhost:9000", ("127.0.0.1", 9000)),
        ("http://[::1]:9000", ("::1", 9000)),
        ("http://127.0.0.1", ("127.0.0.1", 80)),
    ],
)
def test_loopback_is_taken(url: str, expected: tuple[str, int]) -> None:
    assert loopback(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1:9000",
        "http://0.0.0.0:9000",
        "http://[::]:9000",
        "http://[::ffff:10.0.0.1]:9000",
        "http://s3.amazonaws.com",
        "http://127.0.0.1.example.com:9000",
        "http://localhost.example.com:9000",
        "http://127.0.0.1@10.0.0.1:9000",
        "http://2130706433:9000",
        "http://:9000",
        "127.0.0.1:9000",
        "https://127.0.0.1:9000",
        "http://127.0.0.1:9000/bucket",
        "http://127.0.0.1:99999",
        "http://[::1",
        "",
    ],
)
def test_anything_else_is_refused(url: str) -> None:
    with pytest.raises(ServerError):
        loopback(url)


def test_the_owners_keys_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3FRONT_ROOT_ACCESS_KEY", "AKID")
    monkeypatch.delenv("S3FRONT_ROOT_SECRET_KEY", raising=False)
    with pytest.raises(ServerError, match="S3FRONT_ROOT_SECRET_KEY"):
        running("http://127.0.0.1:9000", None)


def test_the_process_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3FRONT_ROOT_ACCESS_KEY", "AKID")
    monkeypatch.setenv("S3FRONT_ROOT_SECRET_KEY", "secret-of-the-owner")
    assert running("http://127.0.0.1:9000", os.getpid()).pid == os.getpid()
    with pytest.raises(ServerError, match="no process"):
        running("http://127.0.0.1:9000", 2**22 + 1)


def test_the_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3FRONT_ROOT_ACCESS_KEY", "AKID")
    monkeypatch.setenv("S3FRONT_ROOT_SECRET_KEY", "secret-of-the-owner")
    assert "secret-of-the-owner" not in repr(running("http://127.0.0.1:9000", None))
