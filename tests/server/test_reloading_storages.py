"""What a reload takes over of the storages: how they are linked to, and nothing else."""

from typing import Any

import pytest

from gateway.server.build import linked_to
from gateway.server.reloading import taken_over
from gateway.settings.model import Settings

CLOUD: dict[str, Any] = {
    "type": "s3",
    "endpoint": "https://s3.example.com",
    "bucket": "photos",
    "access_key": "key",
    "secret_key": "secret",
}


def settings(**cloud: Any) -> Settings:
    return Settings.model_validate(
        {
            "storages": {"disk": {"type": "local", "root": "data"}, "cloud": {**CLOUD, **cloud}},
            "default_storage": "disk",
        }
    )


@pytest.mark.parametrize("by_new_workers", [False, True])
def test_the_link_mode_is_taken_over(*, by_new_workers: bool) -> None:
    before, after = settings(), settings(link_mode="direct")
    taken, refused = taken_over(before, after, by_new_workers=by_new_workers)
    assert not refused
    assert linked_to(before) == frozenset()
    assert linked_to(taken) == {"cloud"}
    assert linked_to(taken_over(taken, before)[0]) == frozenset()


@pytest.mark.parametrize("by_new_workers", [False, True])
def test_anything_else_needs_a_restart(*, by_new_workers: bool) -> None:
    before, after = settings(), settings(link_mode="direct", bucket="other")
    taken, refused = taken_over(before, after, by_new_workers=by_new_workers)
    assert refused == ["storages"]
    assert taken.storages == before.storages


def test_a_mirror_is_linked_to_if_a_member_is() -> None:
    storages = {
        "cloud": {**CLOUD, "link_mode": "direct"},
        "nas": {"type": "local", "root": "data"},
        "safe": {"type": "mirror", "storages": ["nas", "cloud"]},
    }
    made = Settings.model_validate({"storages": storages})
    assert linked_to(made) == {"cloud", "safe"}
    storages["cloud"] = CLOUD
    assert linked_to(Settings.model_validate({"storages": storages})) == frozenset()
