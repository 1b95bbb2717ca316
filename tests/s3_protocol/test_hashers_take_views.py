"""Bodies are hashed where they lie: as bytes, or as views of what arrived."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.s3.checksums import DIGEST_SIZES, hasher_of


@pytest.mark.parametrize("algorithm", sorted(DIGEST_SIZES))
@given(data=st.binary(max_size=300), at=st.integers(0, 300))
def test_a_view_is_hashed_as_its_bytes(algorithm: str, data: bytes, at: int) -> None:
    whole, parts = hasher_of(algorithm), hasher_of(algorithm)
    whole.update(data)
    parts.update(memoryview(data)[:at])
    parts.update(memoryview(data)[at:])
    assert parts.digest() == whole.digest()
