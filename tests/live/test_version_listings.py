"""ListObjectVersions where no bucket has versioning: one version of each key, the null one."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.live.client import Client
from tests.live.server import Live
from tests.live.test_listing_pages import KEYS, in_order, listed


@pytest.fixture(scope="module")
def versioned(live: Live) -> str:
    bucket = live.client.make_bucket("version-listings")
    for key in KEYS:
        live.client.put(bucket, key, key.encode())
    return bucket


def test_every_key_has_its_one_version(client: Client, versioned: str) -> None:
    answer = listed(client, versioned, versions="")
    assert answer.xml().tag == "ListVersionsResult"
    assert answer.texts("Version/Key") == in_order(KEYS)
    assert set(answer.texts("Version/VersionId")) == {"null"}
    assert set(answer.texts("Version/IsLatest")) == {"true"}
    assert answer.text("IsTruncated") == "false"
    assert answer.text("NextKeyMarker") is None
    first = client.get(versioned, "a", "versionId=null")
    assert answer.text("Version/ETag") == first.headers["etag"]
    assert answer.text("Version/Size") == "1"
    assert answer.text("Version/Owner/ID")


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(size=st.integers(1, 4), prefix=st.sampled_from(["", "a", "a/", "b/"]), rolled=st.booleans())
def test_pages_joined_are_the_whole(
    client: Client, versioned: str, size: int, prefix: str, *, rolled: bool
) -> None:
    asked = {"versions": "", "prefix": prefix, "delimiter": "/" if rolled else ""}
    whole = listed(client, versioned, **asked)
    found: list[str] = []
    markers: dict[str, str | int] = {}
    for _ in range(len(KEYS) + 1):
        page = listed(client, versioned, **asked, max_keys=size, **markers)
        found += page.texts("Version/Key") + page.texts("CommonPrefixes/Prefix")
        if page.text("IsTruncated") == "false":
            break
        markers = {"key_marker": page.text("NextKeyMarker") or ""}
        if version := page.text("NextVersionIdMarker"):
            markers["version_id_marker"] = version
    else:
        pytest.fail("the pages never end")
    expected = whole.texts("Version/Key") + whole.texts("CommonPrefixes/Prefix")
    assert in_order(found) == in_order(expected)
    assert len(found) == len(set(found))


def test_a_version_marker_needs_a_key_marker(client: Client, versioned: str) -> None:
    answer = client.request("GET", f"/{versioned}", "versions&version-id-marker=null")
    assert (answer.status, answer.code) == (400, "InvalidArgument")
    assert answer.text("ArgumentName") == "version-id-marker"


def test_a_bucket_is_emptied_by_its_versions(client: Client) -> None:
    bucket = client.make_bucket("emptied-by-versions")
    for key in KEYS:
        client.put(bucket, key, b"x")
    keys = listed(client, bucket, versions="").texts("Version/Key")
    objects = "".join(
        f"<Object><Key>{key}</Key><VersionId>null</VersionId></Object>" for key in keys
    )
    answer = client.request(
        "POST", f"/{bucket}", "delete", body=f"<Delete>{objects}</Delete>".encode()
    )
    assert answer.texts("Deleted/Key") == keys
    assert answer.texts("Error/Key") == []
    assert client.request("DELETE", f"/{bucket}").status == 204
