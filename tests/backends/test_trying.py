"""The trial that any storage can be put to: what it finds, and that it leaves nothing."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from backends import registry
from backends.errors import Denied
from backends.interface import Can, Content, Fingerprint, Limits, Storage, Stored
from backends.remote_memory import AS_S3, AS_WEBDAV, RemoteMemoryStorage
from backends.trying import Finding, Grade, trial
from tests.backends.making import paths


def wrong(findings: "list[Finding]") -> dict[str, str]:
    return {one.tried: one.text for one in findings if one.grade is Grade.WRONG}


async def test_what_works_is_good_and_nothing_is_left(storage: Storage) -> None:
    found = list(await trial(storage))
    assert not wrong(found)
    assert {one.grade for one in found} == {Grade.GOOD}
    assert [*await paths(storage), *await paths(storage, ".s3front/o/")] == []
    tried = [one.tried for one in found]
    assert ("copy it" in tried) is (Can.COPY in storage.can)
    assert ("move it" in tried) is (Can.MOVE in storage.can)
    assert ("refuse to replace it" in tried) is (Can.CREATE in storage.can)


class Bad(RemoteMemoryStorage):
    """Does one thing wrong."""

    def __init__(self, fault: str) -> None:
        super().__init__(AS_S3 | AS_WEBDAV, Limits(max_description=100))
        self.fault = fault

    async def stat(self, path: str) -> Stored:
        stored = await super().stat(path)
        if self.fault == "size":
            return Stored(path=path, fingerprint=Fingerprint(size=1, stamp="x"), modified_ns=0)
        return stored

    async def read(
        self,
        path: str,
        *,
        first: int = 0,
        last: int | None = None,
        only_if: Fingerprint | None = None,
    ) -> Content:
        if self.fault == "range":
            first, last = 0, None
        if self.fault == "read":
            raise Denied("no permission to read; allow it")
        return await super().read(path, first=first, last=last, only_if=only_if)

    async def write(
        self,
        path: str,
        body: AsyncIterator[bytes],
        *,
        size: int | None,
        description: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        create: bool = False,
    ) -> Stored:
        if self.fault == "write":
            raise Denied("no permission to write; allow it")
        create = create and self.fault != "create"
        return await super().write(
            path, body, size=size, description=description, headers=headers, create=create
        )

    async def delete(self, path: str) -> None:
        if self.fault != "delete":
            await super().delete(path)


@pytest.mark.parametrize(
    ("fault", "tried"),
    [
        ("size", "look at what was written"),
        ("range", "read a range of it"),
        ("read", "read it"),
        ("write", "write"),
        ("create", "refuse to replace it"),
        ("delete", "delete it"),
    ],
)
async def test_what_does_not_work_is_found(fault: str, tried: str) -> None:
    storage = Bad(fault)
    await storage.open()
    found = wrong(list(await trial(storage)))
    assert found.get(tried), found


async def test_what_cannot_be_opened_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    [found] = await registry.probe("local", {"root": str(tmp_path / "file")})
    assert (found.grade, found.tried) == (Grade.WRONG, "open it")
    assert "directories" in found.text


async def test_a_directory_is_tried_by_its_settings(tmp_path: Path) -> None:
    found = await registry.probe("local", {"root": str(tmp_path)})
    assert {one.grade for one in found} == {Grade.GOOD}
    assert registry.policy("local", {"root": str(tmp_path)}) is None
