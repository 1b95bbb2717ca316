"""Storages that the settings name: made, or refused with the remedy."""

from pathlib import Path

import pytest

from backends import registry
from backends.errors import NotFound, Throttled
from backends.interface import Can, Stored
from backends.local.storage import LocalStorage
from backends.remote_memory import RemoteMemoryStorage
from gateway.server.deposits import secret_of
from gateway.server.failure import Exit, StartError
from gateway.server.storages import storages_of
from gateway.settings.model import Settings

CLOUD = {
    "type": "s3",
    "endpoint": "s3.eu-central-1.amazonaws.com",
    "bucket": "photos",
    "access_key": "AKIA",
    "secret_key": "hidden",
}


def settings(**storages: dict[str, object]) -> Settings:
    return Settings.model_validate({"storages": storages, "default_storage": next(iter(storages))})


def test_what_the_settings_say_wrong_is_told_without_its_secret() -> None:
    with pytest.raises(StartError, match=r"storages\.cloud: .*bucket") as refused:
        storages_of(settings(cloud={**CLOUD, "bucket": "a/b"}))
    assert refused.value.exit is Exit.BAD_CONFIGURATION
    assert "hidden" not in str(refused.value)


def test_storages_are_made_in_the_order_of_their_names_in_the_settings() -> None:
    given = settings(cloud=dict(CLOUD), ram={"type": "memory"})
    assert list(storages_of(given)) == ["cloud", "ram"]


async def test_one_behind_a_network_is_watched_and_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Tired(RemoteMemoryStorage):
        asked = 0

        async def stat(self, path: str) -> Stored:
            self.asked += 1
            if self.asked == 1:
                raise Throttled("slow down", after_s=0)
            return await super().stat(path)

    tired = Tired()
    monkeypatch.setattr(registry, "construct", lambda *_: tired)
    seen: list[tuple[str, str, str]] = []

    def observe(storage: str, verb: str, seconds: float, outcome: str) -> None:
        assert seconds >= 0
        seen.append((storage, verb, outcome))

    storage = storages_of(settings(cloud=dict(CLOUD)), observe)["cloud"]
    await storage.open()
    with pytest.raises(NotFound):
        await storage.stat("b/k")
    assert tired.asked == 2
    assert seen == [("cloud", "stat", "NotFound")]
    await storage.aclose()


def test_a_directory_is_as_it_is(tmp_path: Path) -> None:
    found = storages_of(settings(disk={"type": "local", "root": str(tmp_path)}))
    assert isinstance(found["disk"], LocalStorage)
    assert Can.STAGE in found["disk"].can


def test_the_secret_of_a_storage_is_the_one_it_is_used_with() -> None:
    dav: dict[str, object] = {"type": "webdav", "endpoint": "https://cloud.example/dav"}
    given = settings(
        open=dav,
        cloud=dict(CLOUD),
        nas={**dav, "username": "me", "password": "guarded"},
        both={"type": "mirror", "storages": ["cloud", "nas"]},
    )
    assert secret_of(given, "cloud") == "hidden"
    assert secret_of(given, "nas") == "guarded"
    assert not secret_of(given, "open")
    assert secret_of(given, "both") == "hidden\0guarded"
