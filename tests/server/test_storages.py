"""Storages that the settings name: made, or refused with the remedy."""

import pytest

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
