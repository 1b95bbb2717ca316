"""What is sealed is read with its secret, whole and as it was, or not at all."""

import hashlib
from collections.abc import Callable

import pytest

from gateway.jobs.sealing import FRAME, HEAD, TAG, NotGenuine, Sealing, Unsealing, sealed_size

FRAMES = FRAME + TAG


def sealed(data: bytes, secret: str = "secret") -> bytes:
    of = Sealing(secret)
    pieces = [data[at : at + FRAME] for at in range(0, len(data), FRAME)] or [b""]
    last = len(pieces) - 1
    return of.head + b"".join(of.sealed(one, last=n == last) for n, one in enumerate(pieces))


def opened(file: bytes, secret: str = "secret") -> bytes:
    of = Unsealing(secret, file[:HEAD])
    body = file[HEAD:]
    ends = range(0, max(len(body), 1), FRAMES)
    return b"".join(of.opened(body[at : at + FRAMES], last=at == ends[-1]) for at in ends)


@pytest.mark.parametrize("size", [0, 1, FRAME - 1, FRAME, FRAME + 1, 3 * FRAME])
def test_what_is_sealed_is_opened(size: int) -> None:
    data = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    file = sealed(data)
    assert len(file) == sealed_size(size)
    assert opened(file) == data
    assert size < 16 or data[:16] not in file
    assert sealed(data)[HEAD:] != file[HEAD:], "no two files have one key"


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "another salt": lambda file: file[: HEAD - 1] + bytes([file[HEAD - 1] ^ 1]) + file[HEAD:],
    "a bit": lambda file: file[:HEAD] + bytes([file[HEAD] ^ 1]) + file[HEAD + 1 :],
    "the last bit": lambda file: file[:-1] + bytes([file[-1] ^ 128]),
    "cut": lambda file: file[:-1],
    "without its last frame": lambda file: file[: HEAD + 2 * FRAMES],
    "without its first frame": lambda file: file[:HEAD] + file[HEAD + FRAMES :],
    "frames exchanged": lambda file: (
        file[:HEAD] + file[HEAD + FRAMES :][:FRAMES] + file[HEAD:][:FRAMES] + file[HEAD + 2 * FRAMES :]
    ),
    "something added": lambda file: file + file[HEAD:],
    "nothing of it": lambda file: file[:HEAD],
    "another magic": lambda file: b"S" + file[1:],
    "cut in its head": lambda file: file[: HEAD - 1],
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_changed_is_not_genuine(change: str) -> None:
    file = sealed(b"x" * (2 * FRAME + 5))
    with pytest.raises(NotGenuine):
        opened(CHANGES[change](file))


def test_another_secret_opens_nothing() -> None:
    with pytest.raises(NotGenuine, match="another secret"):
        opened(sealed(b"data"), "Secret")


def test_a_secret_that_somebody_chose_is_dear_to_guess(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, int] = {}
    real = hashlib.scrypt

    def scrypt(password: bytes, *, salt: bytes, n: int, r: int, p: int, **more: int) -> bytes:
        asked.update(n=n, r=r, p=p)
        return bytes(real(password, salt=salt, n=n, r=r, p=p, **more))

    monkeypatch.setattr(hashlib, "scrypt", scrypt)
    sealed(b"")
    assert asked["n"] * asked["r"] * asked["p"] * 128 >= 32 * 1024**2
