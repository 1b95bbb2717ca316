"""What may be said of a bucket in the settings."""

import pytest
from pydantic import ValidationError

from gateway.settings.parts import BucketSettings


@pytest.mark.parametrize("value", ["max-age=60", "public, max-age=86400, immutable"])
def test_a_cache_control_that_can_be_sent(value: str) -> None:
    bucket = BucketSettings.model_validate({"name": "site", "cache_control": value})
    assert bucket.cache_control == value


def test_etags_are_made_of_md5s_unless_it_is_said_otherwise() -> None:
    assert BucketSettings.model_validate("site").etag == "md5"
    crc = {"name": "site", "etag": "crc64nvme"}
    assert BucketSettings.model_validate(crc).etag == "crc64nvme"
    with pytest.raises(ValidationError, match="etag"):
        BucketSettings.model_validate({"name": "site", "etag": "sha256"})


@pytest.mark.parametrize("value", ["", " x", "a\r\nSet-Cookie: b", "ä", "x" * 257])
def test_one_that_cannot_be_sent_is_refused(value: str) -> None:
    with pytest.raises(ValidationError, match="no value of a header"):
        BucketSettings.model_validate({"name": "site", "cache_control": value})
