"""Whatever is done from inside and outside, in whatever order: in the end S3 shows what is there.

Prints its seed; ``S3FRONT_TEST_SEED`` replays one, ``S3FRONT_TEST_ROUNDS`` sets how many rounds.
"""

import asyncio
import hashlib
import os
import random
import shutil
from pathlib import Path

import pytest

from tests.live.client import Client
from tests.live.server import Live
from tests.outside.waiting import until
from tests.seeds import seed

FEW, MANY = 4, 40
"""Rounds of ``make test``, and of ``make soak``."""
CHANGES = 25
NAMES = ["a", "b", "c.txt", "d/a", "d/b", "d/e/a", "f/x"]


class Hand:
    """Does one thing after another to a bucket, from inside and outside."""

    def __init__(self, client: Client, bucket: str, folder: Path, apart: Path, seed: int) -> None:
        self._client = client
        self._bucket = bucket
        self._folder = folder
        self._apart = apart
        self._random = random.Random(seed)
        self.done: list[str] = []

    def change(self) -> None:
        doing = self._random.choice(
            [
                self.put,
                self.put,
                self.delete,
                self.drop,
                self.rewrite,
                self.append,
                self.rename,
                self.remove,
                self.move_away,
                self.move_back,
                self.link,
                self.touch,
            ]
        )
        name = self._random.choice(NAMES)
        self.done.append(f"{doing.__name__} {name}")
        doing(name)

    def _data(self) -> bytes:
        return self._random.randbytes(self._random.randrange(40))

    def _there(self, name: str) -> Path | None:
        path = self._folder / name
        return path if path.is_file() and not path.is_symlink() else None

    def put(self, name: str) -> None:
        answer = self._client.put(self._bucket, name, self._data(), x_amz_meta_by="us")
        assert answer.status == 200, answer

    def delete(self, name: str) -> None:
        assert self._client.delete(self._bucket, name).status == 204

    def drop(self, name: str) -> None:
        fresh = self._apart / "fresh"
        fresh.write_bytes(self._data())
        path = self._folder / name
        if path.is_dir() or path.is_symlink():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.rename(path)

    def rewrite(self, name: str) -> None:
        if path := self._there(name):
            path.write_bytes(self._data())

    def append(self, name: str) -> None:
        if path := self._there(name):
            with path.open("ab") as file:
                file.write(b"+")

    def rename(self, name: str) -> None:
        to = self._folder / self._random.choice(NAMES)
        if (path := self._there(name)) and not to.is_dir() and to.parent.is_dir():
            path.rename(to)

    def remove(self, name: str) -> None:
        path = self._folder / name.partition("/")[0]
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    def move_away(self, name: str) -> None:
        path = self._folder / name.partition("/")[0]
        kept = self._apart / f"kept-{path.name}"
        if path.exists() and not kept.exists():
            path.rename(kept)

    def move_back(self, name: str) -> None:
        path = self._folder / name.partition("/")[0]
        kept = self._apart / f"kept-{path.name}"
        if kept.exists() and not os.path.lexists(path):
            kept.rename(path)

    def link(self, name: str) -> None:
        path = self._folder / name
        if path.parent.is_dir() and not os.path.lexists(path):
            path.symlink_to(self._apart)

    def touch(self, name: str) -> None:
        if path := self._there(name):
            os.utime(path, ns=(self._random.randrange(10**18),) * 2)


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


def shown(client: Client, bucket: str) -> dict[str, tuple[bytes, str]]:
    """Bodies and ETags of all that is listed; nothing for what cannot be had at the moment."""
    found = {}
    for key in client.keys(bucket):
        answer = client.get(bucket, key)
        if answer.status == 200:
            found[key] = answer.body, answer.headers["etag"].strip('"')
    return found


def is_elsewhere(live: Live, bucket: str, key: str) -> bool:
    async def ask() -> bool:
        catalog = live.services.catalog
        version = await catalog.get(await catalog.bucket(bucket), key)
        return version is not None and version.location.path != f"{bucket}/{key}"

    return asyncio.run_coroutine_threadsafe(ask(), live.loop).result(30)


def differences(live: Live, bucket: str, folder: Path) -> list[str]:
    """What S3 shows otherwise than it lies there. An object that has its bytes elsewhere, since
    something was in its way, need not be like the file under its name; nor need one that replaced
    an object in whose place a link stands by now: it waits until that is gone."""
    there, seen = files(folder), shown(live.client, bucket)
    wrong = [f"{key} is not shown" for key in there.keys() - seen.keys()]
    wrong += [f"{key} cannot be had" for key in set(live.client.keys(bucket)) - seen.keys()]
    for key, (body, etag) in seen.items():
        if etag != hashlib.md5(body).hexdigest():
            wrong.append(f"{key} has the ETag {etag}")
        waits = (folder / key).is_symlink() or (folder / key).is_dir()
        if not waits and not is_elsewhere(live, bucket, key) and there.get(key) != body:
            wrong.append(f"{key} is shown as {body!r}, and is {there.get(key)!r}")
    return wrong


def settle(live: Live, bucket: str, folder: Path, what: str) -> None:
    wrong: list[str] = []

    def agrees() -> bool:
        wrong[:] = differences(live, bucket, folder)
        return not wrong

    try:
        until(agrees)
    except AssertionError:
        pytest.fail(f"{wrong}: {what}")


def change_and_compare(live: Live, bucket: str, folder: Path, apart: Path, *, rounds: int) -> None:
    drawn = seed("random changes")
    apart.mkdir()
    hand = Hand(live.client, bucket, folder, apart, drawn)
    for _ in range(int(os.environ.get("S3FRONT_TEST_ROUNDS") or rounds)):
        for _ in range(CHANGES):
            hand.change()
        settle(live, bucket, folder, f"seed {drawn} after {hand.done}")


@pytest.mark.timeout(300)
def test_in_the_end_all_that_is_there_is_shown(
    live: Live, bucket: str, folder: Path, tmp_path: Path
) -> None:
    change_and_compare(live, bucket, folder, tmp_path / "apart", rounds=FEW)


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_it_is_so_for_long(live: Live, bucket: str, folder: Path, tmp_path: Path) -> None:
    change_and_compare(live, bucket, folder, tmp_path / "apart", rounds=MANY)
