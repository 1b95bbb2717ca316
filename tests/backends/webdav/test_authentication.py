"""Names and passwords, on servers that ask for them."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from backends.errors import Denied, Unavailable
from backends.webdav.authorizing import Password
from backends.webdav.challenges import Digest
from backends.webdav.settings import webdav_settings
from backends.webdav.storage import WebDavStorage
from tests.backends.making import body, bytes_at, paths
from tests.backends.webdav.servers import PASSWORD, USERNAME, Running, apache, wsgidav

LONG = bytes(range(256)) * 4000
ASKING = {
    "apache-digest": lambda: apache(digest_s=300),
    "wsgidav-basic": lambda: wsgidav(schemes="basic"),
    "wsgidav-digest": lambda: wsgidav(schemes="digest"),
    "wsgidav-both": lambda: wsgidav(schemes="both"),
}


@pytest.fixture(scope="module", params=sorted(ASKING))
def asking(request: pytest.FixtureRequest) -> Iterator[tuple[str, Running]]:
    """A server that asks who we are, and its name."""
    starting: AbstractContextManager[Running] = ASKING[request.param]()
    with starting as running:
        yield request.param, running


def storage_of(running: Running, **who: str) -> WebDavStorage:
    return WebDavStorage(
        webdav_settings({"endpoint": running.url, "prefix": "p", "allow_private": True, **who})
    )


@pytest.fixture
async def storage(asking: tuple[str, Running]) -> AsyncIterator[WebDavStorage]:
    storage = storage_of(asking[1], username=USERNAME, password=PASSWORD)
    await storage.open()
    yield storage
    await storage.aclose()


def password_of(storage: WebDavStorage) -> Password:
    authorizer = storage._settings.authorizer
    assert isinstance(authorizer, Password)
    return authorizer


async def test_who_has_the_password_is_served(
    storage: WebDavStorage, asking: tuple[str, Running]
) -> None:
    for n in range(3):
        await storage.write(f"b/é {n}", body(LONG, b"x"), size=len(LONG) + 1)
    assert await bytes_at(storage, "b/é 2") == LONG + b"x"
    assert await paths(storage) == [f"b/é {n}" for n in range(3)]
    for n in range(3):
        await storage.delete(f"b/é {n}")
    assert await paths(storage) == []
    uses_digest = isinstance(password_of(storage)._scheme, Digest)
    assert uses_digest == (asking[0] != "wsgidav-basic")


async def test_who_has_another_is_denied_and_told_what_to_correct(
    asking: tuple[str, Running],
) -> None:
    with pytest.raises(Denied, match="set username and password, or token"):
        await storage_of(asking[1]).open()
    for who in (
        {"username": USERNAME, "password": "wr0ng"},
        {"username": "bob", "password": PASSWORD},
        {"token": "wr0ng"},
    ):
        with pytest.raises(Denied, match="correct username and password, or token") as denied:
            await storage_of(asking[1], **who).open()
        assert "wr0ng" not in repr(denied.value)


async def test_a_body_never_meets_a_nonce_that_is_given_up(
    storage: WebDavStorage, asking: tuple[str, Running]
) -> None:
    someone = password_of(storage)
    if not isinstance(someone._scheme, Digest):
        assert asking[0] == "wsgidav-basic"
        return
    await storage.write("b/k", body(b"old"), size=3)
    # The server knows nothing of this one, and we know that it was not used for a while.
    someone._scheme.nonce = "0" * len(someone._scheme.nonce)
    someone._accepted_at = 0.0
    await storage.write("b/k", body(LONG), size=len(LONG))
    assert await bytes_at(storage, "b/k") == LONG
    incoming: Path = asking[1].root / "p/.s3front/incoming"
    assert [path for path in incoming.iterdir() if path.name != ".DAV"] == []


async def test_a_body_that_meets_one_all_the_same_is_not_published(
    storage: WebDavStorage, asking: tuple[str, Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    someone = password_of(storage)
    if not isinstance(someone._scheme, Digest):
        assert asking[0] == "wsgidav-basic"
        return
    await storage.write("b/k", body(b"old"), size=3)
    real = someone.header
    monkeypatch.setattr(
        someone,
        "header",
        lambda method, uri: 'Digest username="x"' if method == "PUT" else real(method, uri),
    )
    with pytest.raises(Unavailable):
        await storage.write("b/k", body(LONG), size=len(LONG))
    monkeypatch.undo()
    assert await bytes_at(storage, "b/k") == b"old"
    await storage.write("b/k", body(LONG), size=len(LONG))
    assert await bytes_at(storage, "b/k") == LONG
