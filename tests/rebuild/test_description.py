"""Self-descriptions: what goes in comes out, whatever it is, and nothing else is believed."""

import json
from base64 import b64encode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backends.interface import MAX_DESCRIPTION, Fingerprint
from gateway.catalog.records import Checksum, Location, PartFact, Version
from gateway.service.description import Description, decode, describe, encode

SETTINGS = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""How fast a machine is says nothing about records."""

TEXT = st.text()  # lone surrogates too
NUMBER = st.integers(min_value=0, max_value=2**63 - 1)
LENGTHS = {"CRC32": 4, "CRC64NVME": 8, "SHA1": 20, "SHA256": 32, "SHA512": 64}


def digests(length: int) -> st.SearchStrategy[str]:
    return st.binary(min_size=length, max_size=length).map(lambda raw: b64encode(raw).decode())


@st.composite
def part_tables(draw: st.DrawFn) -> tuple[PartFact, ...]:
    """Mostly as uploads make them; sometimes as nobody makes them."""
    length = draw(st.sampled_from([*LENGTHS.values()]))
    value = draw(
        st.sampled_from([st.none(), digests(length), st.one_of(st.none(), digests(length), TEXT)])
    )
    numbers = sorted(draw(st.sets(st.integers(1, 10_000), max_size=20)))
    usual = draw(NUMBER)
    return tuple(
        PartFact(number=number, size=draw(st.sampled_from([usual, 7])), checksum=draw(value))
        for number in numbers
    )


DESCRIPTIONS = st.builds(
    Description,
    bucket=TEXT,
    key=TEXT,
    version_id=TEXT,
    sequence=NUMBER,
    etag=TEXT,
    size=NUMBER,
    modified_ns=NUMBER,
    storage_class=st.sampled_from(["STANDARD", "GLACIER"]),
    headers=st.dictionaries(TEXT, TEXT),
    metadata=st.dictionaries(TEXT, TEXT),
    tags=st.lists(st.tuples(TEXT, TEXT)).map(tuple),
    checksum=st.none() | st.builds(Checksum, algorithm=TEXT, type=TEXT, value=TEXT),
    parts=part_tables(),
)


@SETTINGS
@given(DESCRIPTIONS)
def test_what_is_encoded_is_decoded(description: Description) -> None:
    assert decode(encode(description)) == description


@SETTINGS
@given(DESCRIPTIONS)
def test_a_version_says_all_of_itself(description: Description) -> None:
    location = Location(
        storage="disk", path="p", staged=None, fingerprint=Fingerprint(size=1, stamp="2")
    )
    version = description.version(location, modified_ns=0)
    again = decode(encode(describe(description.bucket, version)))
    assert again is not None
    assert again.version(location, modified_ns=0) == version


def test_every_field_of_a_version_but_its_location_is_described() -> None:
    described = set(Description.__dataclass_fields__) - {"bucket"}
    assert described == set(Version.__dataclass_fields__) - {"location"}


def test_records_of_format_1_are_still_read() -> None:
    record = '{"f":1,"b":"bucket","k":"a/é","v":"null","q":7,"e":"abc","n":3}'.encode()
    assert decode(record) == Description(bucket="bucket", key="a/é", sequence=7, etag="abc", size=3)


def test_a_format_to_come_is_not_guessed_at() -> None:
    record = json.loads(encode(Description(bucket="b", key="k", sequence=1, etag="e", size=0)))
    record["f"] = 3
    assert decode(json.dumps(record).encode()) is None


@SETTINGS
@given(
    st.binary()
    | st.recursive(
        st.none() | st.booleans() | st.integers() | TEXT,
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from("fbkvqentchmgsp") | TEXT, inner)
        ),
    ).map(lambda value: json.dumps(value).encode())
)
def test_any_bytes_are_a_description_or_none(record: bytes) -> None:
    decode(record)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("b", 1), ("k", None), ("q", "7"), ("q", -1), ("q", True), ("n", 1.5), ("e", []),
        ("t", "now"), ("h", []), ("h", {"a": 1}), ("m", "x"), ("g", [["a"]]), ("g", 7),
        ("s", ["CRC32"]), ("s", [1, 2, 3]), ("p", []), ("p", [[], None]),
        ("p", [[[1, 5, 2]], 4, "AAAA"]), ("p", [[[1, 5, 2]], None, ["x"]]),
        ("p", [[[1, 5, 1]], 0, "AAAA"]), ("p", [[[1, 5, 1]], 3, "?"]),
    ],
)  # fmt: skip
def test_a_record_with_a_field_of_another_kind_is_none_of_ours(field: str, value: object) -> None:
    record = json.loads(
        encode(Description(bucket="b", key="k", sequence=1, etag="e", size=0, modified_ns=1))
    )
    record[field] = value
    assert decode(json.dumps(record).encode()) is None


@pytest.mark.parametrize("length", LENGTHS.values())
def test_the_longest_part_table_fits_a_description(length: int) -> None:
    parts = tuple(
        PartFact(number=2 * n + 1, size=5 * 1024**3 - n, checksum=b64encode(bytes(length)).decode())
        for n in range(10_000)
    )
    description = Description(bucket="b", key="k" * 1024, sequence=1, etag="e", size=1, parts=parts)
    assert len(encode(description)) < MAX_DESCRIPTION // 1.6


def test_parts_of_one_size_take_hardly_more_than_their_checksums() -> None:
    parts = tuple(
        PartFact(number=n, size=8 * 1024**2, checksum=b64encode(bytes(8)).decode())
        for n in range(1, 201)
    )
    description = Description(bucket="b", key="k", sequence=1, etag="e", size=1, parts=parts)
    assert len(encode(description)) < 200 * 8 * 4 / 3 + 120
