"""Caches of storages behind a network: which settings they take, and where they are."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from backends.cache.sizes import LEAST
from backends.layers.caching import Caching
from backends.mirror.storage import Mirror
from backends.remote_memory import RemoteMemoryStorage
from gateway.server.failure import Exit, StartError
from gateway.server.reloading import _plain
from gateway.server.storages import Caches, storages_of
from gateway.settings.loader import load
from gateway.settings.model import Settings
from tests.backends.making import body, drained

NAS = {"type": "memory", "like": "s3", "cache_size": LEAST}


def settings(**storages: dict[str, object]) -> Settings:
    return Settings.model_validate({"storages": storages, "default_storage": next(iter(storages))})


@pytest.mark.parametrize("chosen", [False, True])
async def test_a_cache_is_in_the_data_directory_or_where_it_is_said(
    tmp_path: Path, *, chosen: bool
) -> None:
    where = {"cache_directory": str(tmp_path / "ssd")} if chosen else {}
    counted: list[tuple[str, str, int]] = []
    caches = Caches(home=tmp_path / "cache", count=lambda *what: counted.append(what))
    storage = storages_of(settings(nas={**NAS, **where}), caches=caches)["nas"]
    await storage.open()
    stored = await storage.write("b/k", body(b"data"), size=4)
    assert await drained(await storage.read("b/k", only_if=stored.fingerprint)) == b"data"
    await storage.aclose()
    directory = tmp_path / "ssd" if chosen else tmp_path / "cache" / "nas"
    assert len(list(directory.glob("??/*"))) == 1
    assert sorted(tmp_path.iterdir()) == [directory if chosen else directory.parent]
    assert counted == [("nas", "miss", 1), ("nas", "miss bytes", 4), ("nas", "kept", 1)]


def test_there_is_none_unless_it_is_wanted(tmp_path: Path) -> None:
    caches = Caches(home=tmp_path)
    plain = storages_of(settings(nas={"type": "memory", "like": "s3"}), caches=caches)["nas"]
    assert not isinstance(plain, Caching)
    assert not isinstance(storages_of(settings(nas=dict(NAS)))["nas"], Caching)


def test_the_cache_is_around_all_other_layers(tmp_path: Path) -> None:
    found = storages_of(settings(nas=dict(NAS)), lambda *_: None, caches=Caches(home=tmp_path))[
        "nas"
    ]
    assert isinstance(found, Caching)
    assert type(found.itself()).__name__ == "Metering"
    innermost = found.itself()
    while hasattr(innermost, "inner"):
        innermost = innermost.inner
    assert isinstance(innermost, RemoteMemoryStorage)


def test_what_is_no_network_has_no_cache(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="a storage of type 'local' has no cache"):
        settings(disk={"type": "local", "root": "/d", "cache_size": LEAST})
    with pytest.raises(StartError, match="not behind a network") as refused:
        storages_of(
            settings(ram={"type": "memory", "cache_size": LEAST}),
            caches=Caches(home=tmp_path),
        )
    assert refused.value.exit is Exit.BAD_CONFIGURATION


def test_a_mirror_has_one_as_a_whole() -> None:
    two: dict[str, dict[str, object]] = {
        "one": {"type": "memory", "like": "s3"},
        "two": {"type": "memory", "like": "s3"},
    }
    both: dict[str, object] = {"type": "mirror", "storages": ["one", "two"]}
    settings(both={**both, "cache_size": LEAST}, **two)
    with pytest.raises(ValidationError, match="'one' has a cache, and is a member"):
        settings(both=both, **{**two, "one": dict(NAS)})
    files: dict[str, dict[str, object]] = {
        name: {"type": "local", "root": f"/{name}"} for name in two
    }
    with pytest.raises(ValidationError, match="'both' has a cache, and all its members are on th"):
        settings(both={**both, "cache_size": LEAST}, **files)
    settings(both={**both, "cache_size": LEAST}, one=two["one"], two=files["two"])


async def test_the_cache_of_a_mirror(tmp_path: Path) -> None:
    made = settings(
        both={"type": "mirror", "storages": ["one", "two"], "cache_size": LEAST},
        one={"type": "memory", "like": "s3"},
        two={"type": "memory", "like": "s3"},
    )
    catalog, caches = tmp_path / "catalog.db", Caches(home=tmp_path / "cache")
    cached = storages_of(made, catalog=catalog, caches=caches)["both"]
    assert isinstance(cached, Caching)
    mirror = cached.itself()
    assert isinstance(mirror, Mirror)
    assert mirror.declared == cached.declare_anew
    await cached.open()
    stored = await cached.write("b/k", body(b"data"), size=4)
    assert await drained(await cached.read("b/k", only_if=stored.fingerprint)) == b"data"
    await mirror.members["one"].storage.aclose()
    assert await drained(await cached.read("b/k", only_if=stored.fingerprint)) == b"data"
    await cached.aclose()
    assert len(list((tmp_path / "cache" / "both").glob("??/*"))) == 1


@pytest.mark.parametrize(
    ("of", "wrong"),
    [
        ({"cache_size": LEAST - 1}, "greater than or equal"),
        ({"cache_size": "much"}, "integer"),
        ({"cache_size": None, "cache_directory": "/c"}, "'cache_size' is missing"),
    ],
)
def test_what_cannot_be_is_refused(of: dict[str, object], wrong: str) -> None:
    with pytest.raises(ValidationError, match=wrong):
        settings(nas={**NAS, **of})


@pytest.mark.parametrize("directory", ["/d", "/d/bucket", "/d/.s3front", "/d/x/../y"])
def test_nothing_of_a_cache_is_an_object(directory: str) -> None:
    with pytest.raises(ValidationError, match="lies among the objects of 'disk'"):
        settings(disk={"type": "local", "root": "/d"}, nas={**NAS, "cache_directory": directory})
    for fine in ("/d/.s3front/cache/nas", "/dd", "/c"):
        settings(disk={"type": "local", "root": "/d"}, nas={**NAS, "cache_directory": fine})


def test_two_caches_have_two_directories() -> None:
    one = {**NAS, "cache_directory": "/c/one"}
    with pytest.raises(ValidationError, match="have one cache_directory"):
        settings(nas=dict(one), cloud={**one, "cache_directory": "/c/./one"})


def test_the_environment_sets_them_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    given = {"TYPE": "memory", "LIKE": "s3", "CACHE_SIZE": str(LEAST), "CACHE_DIRECTORY": "fast"}
    environ = {f"S3FRONT_STORAGES__NAS__{name}": value for name, value in given.items()}
    nas = load(flags={}, environ=environ).settings.storages["nas"]
    assert (nas.cache_size, nas.cache_directory) == (LEAST, str(tmp_path / "fast"))
    assert nas.options == {"like": "s3"}


def test_another_size_is_not_reloaded() -> None:
    assert _plain(settings(nas=dict(NAS))) != _plain(settings(nas={**NAS, "cache_size": 2 * LEAST}))
