"""Who is alive, who is ready, and whose path it is."""

import asyncio

import pytest

from gateway.server.health import Health, State


def health(*, buckets: frozenset[str] = frozenset(), error: Exception | None = None) -> Health:
    async def probe() -> None:
        if error is not None:
            raise error

    async def bucket_exists(name: str) -> bool:
        await probe()
        return name in buckets

    return Health(probe=probe, bucket_exists=bucket_exists)


async def status(health: Health, path: str) -> int | None:
    response = await health.answer(path)
    return None if response is None else response.status


@pytest.mark.parametrize("path", ["/-/ready", "/minio/health/ready", "/minio/health/cluster"])
async def test_ready_only_between_bootstrap_and_drain(path: str) -> None:
    one = health()
    assert await status(one, path) == 503
    one.state = State.READY
    assert await status(one, path) == 200
    one.state = State.DRAINING
    assert await status(one, path) == 503


@pytest.mark.parametrize("path", ["/-/live", "/minio/health/live"])
@pytest.mark.parametrize("state", State)
async def test_live_whatever_the_state_and_the_catalog(path: str, state: State) -> None:
    one = health(error=OSError("disk"))
    one.state = state
    assert await status(one, path) == 200


async def test_not_ready_while_the_catalog_fails_or_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    one = health(error=RuntimeError("broken"))
    one.state = State.READY
    assert await status(one, "/-/ready") == 503

    async def hang() -> None:
        await asyncio.Event().wait()

    async def absent(_: str) -> bool:
        return False

    monkeypatch.setattr("gateway.server.health._PROBE_S", 0.01)
    hanging = Health(probe=hang, bucket_exists=absent)
    hanging.state = State.READY
    assert await status(hanging, "/-/ready") == 503


@pytest.mark.parametrize("path", ["/minio/health/live", "/minio/health/ready"])
async def test_a_bucket_named_minio_has_its_own_paths(path: str) -> None:
    assert await status(health(buckets=frozenset({"minio"})), path) is None


async def test_other_paths_are_not_healths_but_all_under_dash_are_ours() -> None:
    one = health()
    assert await status(one, "/raw/key") is None
    assert await status(one, "/minio/health/other") is None
    assert await status(one, "/minio") is None
    assert await status(one, "/-/nothing") == 404
