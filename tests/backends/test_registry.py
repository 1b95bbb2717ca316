from pathlib import Path

import pytest

from backends.local.storage import LocalStorage
from backends.memory import MemoryStorage
from backends.registry import BACKENDS, construct
from backends.remote_memory import AS_S3, AS_WEBDAV
from tests.backends.making import MAKE


def test_every_backend_is_in_the_behaviour_suite() -> None:
    assert set(BACKENDS) <= {name.partition("-")[0] for name in MAKE}


async def test_a_local_storage_is_made_of_its_settings(tmp_path: Path) -> None:
    for settings in ({"root": str(tmp_path / "a")}, {"root": tmp_path, "durability": "relaxed"}):
        storage = construct("local", settings)
        assert isinstance(storage, LocalStorage)
        await storage.open()
        await storage.aclose()
    assert (tmp_path / "a" / ".s3front").is_dir()


def test_a_memory_storage_needs_nothing() -> None:
    assert isinstance(construct("memory", {}), MemoryStorage)


def test_a_memory_storage_is_like_one_behind_a_network() -> None:
    assert construct("memory", {"like": "s3"}).can == AS_S3
    assert construct("memory", {"like": "webdav"}).can == AS_WEBDAV


@pytest.mark.parametrize(
    ("type", "settings", "says"),
    [
        ("locale", {"root": "/x"}, "did you mean 'local'"),
        ("zzz", {}, "known: local, memory"),
        ("local", {}, "needs the setting 'root'"),
        ("local", {"root": ""}, "needs the setting 'root'"),
        ("local", {"root": 7}, "directory's name"),
        ("local", {"root": ["/x"]}, "directory's name"),
        ("local", {"rot": "/x"}, "did you mean 'root'"),
        ("local", {"root": "/x", "durability": "none"}, '"full" or "relaxed"'),
        ("local", {"root": "/x", "durability": []}, '"full" or "relaxed"'),
        ("memory", {"root": "/x"}, "no setting 'root'; known: like"),
        ("memory", {"like": "disk"}, "is like"),
    ],
)
def test_what_cannot_be_is_refused_with_the_remedy(
    type: str, settings: dict[str, object], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        construct(type, settings)
