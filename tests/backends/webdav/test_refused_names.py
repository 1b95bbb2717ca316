"""Names that a server refuses only when it is asked, whatever its dialect says."""

import pytest

from backends.errors import NameRefused, NotFound, Unavailable
from backends.webdav.storage import WebDavStorage
from tests.backends.making import body
from tests.backends.webdav.lying import Lying, on, status
from tests.backends.webdav.opening import nothing_is_left, put


async def test_a_folder_that_may_not_be_made_is_a_name_that_cannot_be(
    storage: WebDavStorage, server: Lying
) -> None:
    server.lies.append(on("MKCOL", status(400), path="/b/no", times=2))
    with pytest.raises(NameRefused):
        await storage.write("b/no/k", body(b"data"), size=4)
    assert server.files == {}
    await put(storage, "b/no/k", b"data")
    await storage.delete("b/no/k")
    assert await nothing_is_left(storage, server)


async def test_a_name_that_is_not_even_looked_for_cannot_be(
    storage: WebDavStorage, server: Lying
) -> None:
    await put(storage, "b/k", b"data")
    server.lies.append(on("PROPFIND", status(400), path="/b/no", times=99))
    for path in ("b/no", "b/no/deep"):
        with pytest.raises(NameRefused):
            await storage.stat(path)
        with pytest.raises(NameRefused):
            await storage.write(path, body(b"data"), size=4)
    assert server.below("b") == {"b/k"}


async def test_a_server_that_refuses_all_is_not_believed(
    storage: WebDavStorage, server: Lying
) -> None:
    await put(storage, "b/k", b"data")
    server.lies.append(on("PROPFIND", status(400), path="/b", times=2))
    with pytest.raises(Unavailable):
        await storage.stat("b/k")
    assert (await storage.stat("b/k")).fingerprint.size == 4
    with pytest.raises(NotFound):
        await storage.stat("b/k/below")
