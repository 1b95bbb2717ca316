"""The table against botocore's model of S3."""

import re
from collections import Counter

import pytest

from gateway.operations import BY_NAME, OPERATIONS, ROUTER, Operation, Right
from gateway.s3.errors import S3Error
from gateway.s3.message import Scope
from gateway.s3.routing import Router
from gateway.s3.target import Target
from tests.s3_requests.s3_model import operations

NOT_IN_THE_MODEL = {"PostObject"}
# The header says which attributes are wanted; ?attributes alone says which operation.
HEADERS_OF_INPUT_ONLY = {"x-amz-object-attributes"}
# Nothing required tells it from ListBuckets.
FURTHER_SELECTORS = {"ListDirectoryBuckets": {"max-directory-buckets": ""}}
TWINS = {
    "GetBucketLifecycle": "GetBucketLifecycleConfiguration",
    "PutBucketLifecycle": "PutBucketLifecycleConfiguration",
    "GetBucketNotification": "GetBucketNotificationConfiguration",
    "PutBucketNotification": "PutBucketNotificationConfiguration",
}


def test_every_operation_of_the_model_has_one_row_and_only_post_object_is_ours() -> None:
    names = Counter(row.name for row in OPERATIONS)
    assert set(names) == set(operations()) | NOT_IN_THE_MODEL
    assert set(names.values()) == {1}
    assert len(operations()) == 116


@pytest.mark.parametrize("name", sorted(operations()))
def test_a_row_agrees_with_the_model(name: str) -> None:
    row, model = BY_NAME[name], operations()[name]
    assert (row.method, row.scope) == (model.method, model.scope)
    assert dict(row.query) == model.selectors() | FURTHER_SELECTORS.get(name, {})
    assert set(row.headers) == model.required_headers() - HEADERS_OF_INPUT_ONLY
    assert row.takes_version == model.takes("querystring", "versionId")
    assert not row.form


def test_post_object_is_the_form_posted_to_a_bucket() -> None:
    row = BY_NAME["PostObject"]
    assert (row.method, row.scope, row.form, dict(row.query)) == ("POST", Scope.BUCKET, True, {})


def test_only_the_deprecated_twins_share_their_requests_with_another_row() -> None:
    twins = {row.name: row.same_request_as for row in OPERATIONS if row.same_request_as}
    assert twins == TWINS
    for old, new in TWINS.items():
        assert BY_NAME[old].query == BY_NAME[new].query
        assert BY_NAME[old].action == BY_NAME[new].action


def test_two_rows_selected_alike_are_refused_when_the_table_is_made() -> None:
    twice = (BY_NAME["GetBucketAcl"], BY_NAME["GetBucketAcl"])
    with pytest.raises(ValueError, match="GetBucketAcl is selected like GetBucketAcl"):
        Router(twice)


@pytest.mark.parametrize("row", OPERATIONS, ids=lambda row: row.name)
def test_actions_are_named_like_iam_actions(row: Operation) -> None:
    asked = {*row.header_actions.values()}
    asked |= set(row.actions(version=False, headers={}) + row.actions(version=True, headers={}))
    if row.source is not None:
        asked |= {row.source.of(version=False), row.source.of(version=True)}
    for action in asked:
        assert re.fullmatch(r"(s3|s3express|s3-object-lambda):[A-Z][A-Za-z]+", action)


@pytest.mark.parametrize(
    ("name", "version", "headers", "actions"),
    [
        ("GetObject", False, {}, {"s3:GetObject"}),
        ("GetObject", True, {}, {"s3:GetObjectVersion"}),
        ("DeleteObject", True, {}, {"s3:DeleteObjectVersion"}),
        ("GetObjectRetention", True, {}, {"s3:GetObjectRetention"}),
        ("GetObjectAttributes", False, {}, {"s3:GetObjectAttributes", "s3:GetObject"}),
        (
            "GetObjectAttributes",
            True,
            {},
            {"s3:GetObjectVersionAttributes", "s3:GetObjectVersion"},
        ),
        ("PutObject", False, {"x-amz-tagging": "a=b"}, {"s3:PutObject", "s3:PutObjectTagging"}),
        ("PutObject", False, {"x-amz-acl": "private"}, {"s3:PutObject", "s3:PutObjectAcl"}),
        ("PutObject", False, {"content-type": "text/plain"}, {"s3:PutObject"}),
        ("HeadBucket", False, {}, {"s3:ListBucket"}),
        ("DeleteBucketCors", False, {}, {"s3:PutBucketCORS"}),
    ],
)
def test_the_actions_of_a_request(
    name: str, version: bool, headers: dict[str, str], actions: set[str]
) -> None:
    assert set(BY_NAME[name].actions(version=version, headers=headers)) == actions


def test_copies_ask_for_the_source_too_and_deletes_of_many_for_each_key() -> None:
    source = Right(action="s3:GetObject", versioned="s3:GetObjectVersion")
    assert BY_NAME["CopyObject"].source == BY_NAME["UploadPartCopy"].source == source
    assert {row.name for row in OPERATIONS if row.each_key} == {"DeleteObjects"}
    needing = {row.name for row in OPERATIONS if row.source is not None}
    with_source = {
        row.name
        for row in OPERATIONS
        if {"x-amz-copy-source", "x-amz-rename-source"} & set(row.headers)
    }
    assert needing == with_source


@pytest.mark.parametrize(
    ("name", "source", "actions"),
    [
        ("CopyObject", "/b/k", ("s3:GetObject",)),
        ("CopyObject", "/b/k?versionId=v", ("s3:GetObjectVersion",)),
        ("UploadPartCopy", "/b/k", ("s3:GetObject",)),
        ("PutObject", "/b/k", ()),
    ],
)
def test_the_actions_asked_for_on_a_source(
    name: str, source: str, actions: tuple[str, ...]
) -> None:
    assert BY_NAME[name].source_actions({"x-amz-copy-source": source}) == actions


def request_for(row: Operation) -> tuple[Target, dict[str, str]]:
    headers = dict.fromkeys(row.headers, "/source-bucket/source")
    if row.form:
        headers["content-type"] = "multipart/form-data; boundary=b"
    return (
        Target(
            bucket=None if row.scope is Scope.SERVICE else "bucket",
            key="key" if row.scope is Scope.OBJECT else None,
            params={name: value or "x" for name, value in row.query.items()},
        ),
        headers,
    )


@pytest.mark.parametrize("row", OPERATIONS, ids=lambda row: row.name)
def test_a_row_s_own_request_finds_it(row: Operation) -> None:
    target, headers = request_for(row)
    found = ROUTER.route(row.method, target, headers)
    assert found.name == (row.same_request_as or row.name)


@pytest.mark.parametrize("row", OPERATIONS, ids=lambda row: row.name)
def test_a_row_that_is_not_built_answers_501_naming_it(row: Operation) -> None:
    if row.serve is not None:
        assert row.built() is row.serve
        return
    with pytest.raises(S3Error) as refused:
        row.built()
    assert (refused.value.code, refused.value.status) == ("NotImplemented", 501)
    assert row.name in str(refused.value.message)
