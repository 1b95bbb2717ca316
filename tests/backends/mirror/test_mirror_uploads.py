"""Uploads in parts over a mirror."""

import pytest

from backends.errors import NotFound, Unavailable
from backends.mirror.finishing import DOUBT_S
from tests.backends.making import body, bytes_at
from tests.backends.mirror.mirrors import opened


async def test_an_upload_ends_with_the_member_that_has_its_parts() -> None:
    mirror, members, time = await opened()
    upload = await mirror.begin_parts("b/k")
    tag = await mirror.write_part("b/k", upload, 1, body(b"data"), size=4)
    members["nas"].is_down = True
    with pytest.raises(Unavailable):
        await mirror.complete_parts("b/k", upload, [(1, tag)])
    with pytest.raises(NotFound):
        await mirror.stat("b/k")
    members["nas"].is_down = False
    time.now_s += DOUBT_S + 1
    await mirror.complete_parts("b/k", upload, [(1, tag)])
    assert await bytes_at(mirror, "b/k") == b"data"


async def test_an_upload_whose_completion_was_not_answered_is_completed_again() -> None:
    mirror, members, time = await opened()
    upload = await mirror.begin_parts("b/k")
    tag = await mirror.write_part("b/k", upload, 1, body(b"data"), size=4)
    members["nas"].loses_answers = True
    with pytest.raises(Unavailable):
        await mirror.complete_parts("b/k", upload, [(1, tag)])
    members["nas"].loses_answers = False
    time.now_s += DOUBT_S + 1
    stored = await mirror.complete_parts("b/k", upload, [(1, tag)])
    assert stored == await mirror.complete_parts("b/k", upload, [(1, tag)])
    assert await bytes_at(mirror, "b/k") == b"data"
