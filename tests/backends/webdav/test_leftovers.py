"""What writers that ended badly have left is removed for its age."""

import time

from tests.backends.webdav.lying import Lying
from tests.backends.webdav.opening import opened, over


async def test_what_the_dead_left_is_removed_for_its_age(server: Lying) -> None:
    now_s = int(time.time())
    server.put(".s3front/incoming/old", b"x", modified_s=now_s - 90_000)
    server.put(".s3front/incoming/young", b"x", modified_s=now_s - 3_000)
    server.put(".s3front/o/xx/old", b"x", modified_s=now_s - 90_000)
    server.put("b/k", b"x", modified_s=now_s - 90_000)
    async with opened(over(server)):
        young = {".s3front/incoming/young", ".s3front/o/xx/old", ".s3front/dialect", "b/k"}
        assert set(server.files) == young
