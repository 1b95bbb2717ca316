"""Records to rows and back."""

from hypothesis import given
from hypothesis import strategies as st

from backends.interface import Fingerprint
from gateway.catalog.records import Checksum, Location, PartFact, Version
from gateway.catalog.sqlite.encoding import (
    StoredParts,
    packed,
    packed_parts,
    row_of,
    unpacked,
    version_of,
)

TEXT = st.text(max_size=8)
NAMES = st.sampled_from(["content-type", "expires", "x"]) | TEXT
PARTS = st.lists(
    st.builds(
        PartFact,
        number=st.integers(1, 10_000),
        size=st.integers(0, 2**40),
        checksum=st.none() | TEXT,
    ),
    max_size=4,
)
VERSIONS = st.builds(
    Version,
    key=TEXT,
    version_id=st.just("null") | TEXT,
    sequence=st.integers(0, 2**62),
    size=st.integers(0, 2**42),
    etag=TEXT,
    modified_ns=st.integers(0, 2**62),
    storage_class=st.just("STANDARD") | TEXT,
    headers=st.dictionaries(NAMES, TEXT, max_size=3),
    metadata=st.dictionaries(NAMES, TEXT, max_size=3),
    tags=st.lists(st.tuples(TEXT, TEXT), max_size=3).map(tuple),
    checksum=st.none() | st.builds(Checksum, algorithm=TEXT, type=TEXT, value=TEXT),
    parts=PARTS.map(tuple),
    location=st.builds(
        Location,
        storage=TEXT,
        path=TEXT | st.just("b/k"),
        staged=st.none() | TEXT,
        fingerprint=st.builds(Fingerprint, size=st.integers(0, 2**42), stamp=TEXT),
        natural=st.booleans(),
    ),
)


@given(version=VERSIONS)
def test_a_row_tells_its_version_whole(version: Version) -> None:
    assert version_of("b", version.key, row_of("b", version)) == version


@given(
    headers=st.dictionaries(NAMES, TEXT),
    metadata=st.dictionaries(NAMES, TEXT),
    tags=st.lists(st.tuples(TEXT, TEXT)).map(tuple),
)
def test_headers_metadata_and_tags_are_kept_apart(
    headers: dict[str, str], metadata: dict[str, str], tags: tuple[tuple[str, str], ...]
) -> None:
    assert unpacked(*packed(headers, metadata, tags)) == (headers, metadata, tags)


def test_a_content_type_alone_costs_no_json() -> None:
    assert packed({"content-type": "a/b"}, {}, ()) == ("a/b", None)
    assert packed({}, {}, ()) == (None, None)


@given(parts=PARTS)
def test_stored_parts_are_as_good_as_a_tuple(parts: list[PartFact]) -> None:
    column = packed_parts(parts)
    if column is None:
        assert parts == []
        return
    stored = StoredParts(column)
    assert stored == tuple(parts)
    assert tuple(parts) == stored
    assert stored != (*parts, parts[0])
    assert list(stored) == parts
    assert (len(stored), stored[0], stored[-1]) == (len(parts), parts[0], parts[-1])
    assert stored[1:] == tuple(parts[1:])
    assert packed_parts(stored) == column
    assert hash(stored) == hash(tuple(parts))
    assert repr(stored) == repr(tuple(parts))
