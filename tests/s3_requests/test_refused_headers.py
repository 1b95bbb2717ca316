"""Headers that ask for what is not built."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.s3.errors import S3Error
from gateway.s3.refused_headers import ACCEPTED, ACLS, FAMILIES, REFUSED, refuse_unbuilt
from tests.s3_requests.s3_model import operations

ALWAYS_REFUSED = sorted(
    {
        member.wire.lower()
        for model in operations().values()
        for member in model.members
        if member.location == "header" and member.wire.lower().startswith(FAMILIES)
    }
    | REFUSED
)


def test_the_model_has_headers_of_every_refused_family() -> None:
    for family in FAMILIES:
        assert any(name.startswith(family) for name in ALWAYS_REFUSED)
    assert len(ALWAYS_REFUSED) > 20


def outcome(headers: dict[str, str]) -> S3Error | None:
    try:
        refuse_unbuilt("PutObject", headers)
    except S3Error as refused:
        return refused
    return None


@pytest.mark.parametrize("name", ALWAYS_REFUSED)
@pytest.mark.parametrize("value", ["AES256", "x", "true", ""])
def test_a_header_for_what_is_not_built_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(S3Error) as refused:
        refuse_unbuilt("PutObject", {"host": "x", name: value})
    assert (refused.value.code, refused.value.status) == ("NotImplemented", 501)
    assert name in refused.value.message
    assert "PutObject" in refused.value.message
    assert refused.value.fields == {"Header": name}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-amz-acl", "private"),
        ("x-amz-acl", "bucket-owner-read"),
        ("x-amz-acl", "bucket-owner-full-control"),
        ("x-amz-acl", ""),
        ("x-amz-object-ownership", "BucketOwnerEnforced"),
        ("x-amz-bucket-namespace", "global"),
        ("x-amz-bucket-object-lock-enabled", "false"),
        ("x-amz-bypass-governance-retention", "False"),
        ("x-amz-server-side-encryption-bucket-key-enabled", "false"),
        ("x-amz-object-annotation-directive", "EXCLUDE"),
        ("x-amz-optional-object-attributes", "RestoreStatus"),
        ("x-amz-request-payer", "requester"),
        ("x-amz-checksum-crc64nvme", "AAAAAAAAAAA="),
        ("x-amz-checksum-mode", "ENABLED"),
        ("x-amz-checksum-algorithm", "SHA256"),
        ("x-amz-sdk-checksum-algorithm", "SHA256"),
        ("x-amz-meta-server-side-encryption", "AES256"),
        ("x-amz-meta-x-amz-grant-read", "all"),
        ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
        ("x-amz-user-agent", "x"),
        ("x-amz-copy-source", "a/b"),
        ("x-amz-storage-class", "GLACIER"),
        ("content-type", "x-amz-acl"),
    ],
)
def test_a_header_that_changes_nothing_or_is_honoured_passes(name: str, value: str) -> None:
    refuse_unbuilt("PutObject", {name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("x-amz-acl", acl) for acl in ACLS if "public" in acl or acl.endswith(("ead", "ite"))
            if not acl.startswith("bucket-owner")),
        ("x-amz-object-ownership", "ObjectWriter"),
        ("x-amz-object-ownership", "BucketOwnerPreferred"),
        ("x-amz-bucket-namespace", "account-regional"),
        ("x-amz-bucket-object-lock-enabled", "true"),
        ("x-amz-bypass-governance-retention", "true"),
    ],
)  # fmt: skip
def test_a_value_for_what_is_not_built_is_refused(name: str, value: str) -> None:
    with pytest.raises(S3Error) as refused:
        refuse_unbuilt("PutObject", {name: value})
    assert refused.value.code == "NotImplemented"
    assert name in refused.value.message


@pytest.mark.parametrize("name", sorted(set(ACCEPTED) - {"x-amz-acl"}))
def test_a_value_nobody_knows_is_refused(name: str) -> None:
    with pytest.raises(S3Error):
        refuse_unbuilt("PutObject", {name: "no such value"})


def test_an_unknown_acl_is_an_invalid_argument() -> None:
    with pytest.raises(S3Error) as refused:
        refuse_unbuilt("PutObject", {"x-amz-acl": "Private"})
    assert refused.value.code == "InvalidArgument"
    assert refused.value.fields == {"ArgumentName": "x-amz-acl", "ArgumentValue": "Private"}


def test_the_canned_acls_of_the_model_are_known() -> None:
    values = {
        value
        for model in operations().values()
        for member in model.members
        if member.wire.lower() == "x-amz-acl"
        for value in member.values
    }
    assert values <= set(ACLS)


def test_a_checksum_nobody_knows_is_refused() -> None:
    with pytest.raises(S3Error) as refused:
        refuse_unbuilt("PutObject", {"x-amz-checksum-blake3": "AAAA"})
    assert (refused.value.code, refused.value.status) == ("InvalidRequest", 400)
    assert "x-amz-checksum-" in refused.value.message


@given(
    st.dictionaries(
        st.one_of(
            st.sampled_from([*ALWAYS_REFUSED, *ACCEPTED]),
            st.builds("x-amz-{}".format, st.text(max_size=8)),
            st.text(max_size=8),
        ),
        st.text(st.characters(), max_size=8),
    )
)
def test_any_headers_pass_or_are_refused(headers: dict[str, str]) -> None:
    refused = outcome(headers)
    if refused is not None:
        assert refused.code in {"NotImplemented", "InvalidArgument", "InvalidRequest"}
        return
    assert not set(headers) & set(ALWAYS_REFUSED) - {
        "x-amz-server-side-encryption-bucket-key-enabled"
    }
