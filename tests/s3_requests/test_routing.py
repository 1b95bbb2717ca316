"""Requests to operations: examples, and the rule that no request is taken for its neighbour."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.operations import OPERATIONS, ROUTER, Operation
from gateway.s3.errors import S3Error
from gateway.s3.message import Scope
from gateway.s3.target import Domains, Target, parse_target

DOMAINS = Domains(["s3.example.com"])
COPY = {"x-amz-copy-source": "/from/key"}
FORM = {"content-type": "Multipart/Form-Data; boundary=x"}
ROWS = tuple(row for row in OPERATIONS if row.same_request_as is None)
SELECTORS = sorted({name for row in ROWS for name in row.query})
WRITES = ("PUT", "POST", "DELETE")


def routed(request: str, headers: dict[str, str] | None = None) -> str:
    method, _, url = request.partition(" ")
    path, _, query = url.partition("?")
    target = parse_target(path, query, "10.0.0.1:9000", DOMAINS)
    return ROUTER.route(method, target, headers or {}).name


def refusal(request: str, headers: dict[str, str] | None = None) -> S3Error:
    with pytest.raises(S3Error) as refused:
        routed(request, headers)
    return refused.value


@pytest.mark.parametrize(
    "request_line",
    [
        "GET /bucket/key?uploads",
        "GET /bucket/key?policy",
        "GET /bucket?torrent",
        "GET /bucket?delete",
        "GET /bucket?uploadId=3",
        "GET /?policy",
        "HEAD /bucket/key?uploads",
    ],
)
def test_a_read_that_names_a_selector_of_another_row_is_refused(request_line: str) -> None:
    assert refusal(request_line).code in {"InvalidArgument", "MethodNotAllowed"}


@pytest.mark.parametrize(
    "request_line",
    ["DELETE /bucket?x-id=DeletePublicAccessBlock", "PUT /bucket/key?x-id=CopyObject"],
)
def test_a_write_that_calls_itself_another_operation_is_refused(request_line: str) -> None:
    assert refusal(request_line).code == "InvalidArgument"


@pytest.mark.parametrize(
    ("request_line", "headers", "name"),
    [
        ("GET /", {}, "ListBuckets"),
        ("GET /?x-id=ListBuckets&max-buckets=3", {}, "ListBuckets"),
        ("GET /?max-directory-buckets=3", {}, "ListDirectoryBuckets"),
        ("PUT /bucket", {}, "CreateBucket"),
        ("PUT /bucket/", {}, "CreateBucket"),
        ("HEAD /bucket", {}, "HeadBucket"),
        ("HEAD /bucket?max-keys=1&list-type=2", {}, "HeadBucket"),
        ("DELETE /bucket", {}, "DeleteBucket"),
        ("DELETE /bucket?x-id=DeleteBucket", {}, "DeleteBucket"),
        ("DELETE /bucket?force=true", {}, "DeleteBucket"),
        ("GET /bucket", {}, "ListObjects"),
        ("GET /bucket?prefix=a&delimiter=/&foo=bar&valueless", {}, "ListObjects"),
        ("GET /bucket?list-type=1", {}, "ListObjects"),
        ("GET /bucket?list-type=2&continuation-token=x", {}, "ListObjectsV2"),
        ("GET /bucket?versions", {}, "ListObjectVersions"),
        ("GET /bucket?location", {}, "GetBucketLocation"),
        ("GET /bucket?location=", {}, "GetBucketLocation"),
        ("GET /bucket?versioning=1", {}, "GetBucketVersioning"),
        ("GET /bucket?Versioning", {}, "ListObjects"),
        ("GET /bucket?uploads&prefix=p", {}, "ListMultipartUploads"),
        ("GET /bucket?analytics", {}, "ListBucketAnalyticsConfigurations"),
        ("GET /bucket?analytics&id=1", {}, "GetBucketAnalyticsConfiguration"),
        ("GET /bucket?lifecycle", {}, "GetBucketLifecycleConfiguration"),
        ("PUT /bucket?notification", {}, "PutBucketNotificationConfiguration"),
        ("GET /bucket?session", {}, "CreateSession"),
        ("DELETE /bucket?publicAccessBlock", {}, "DeletePublicAccessBlock"),
        ("POST /bucket?delete", {}, "DeleteObjects"),
        ("POST /bucket?delete", FORM, "DeleteObjects"),
        ("POST /bucket", FORM, "PostObject"),
        ("GET /bucket/key", {}, "GetObject"),
        ("GET /bucket/key?partNumber=1&versionId=v&response-expires=x", {}, "GetObject"),
        ("GET /bucket/key?cache-buster=1&id=4no", {}, "GetObject"),
        ("HEAD /bucket/key?versionId=v", {}, "HeadObject"),
        ("PUT /bucket/key", {}, "PutObject"),
        ("PUT /bucket/key?foo=bar&x-id=PutObject&X-Amz-Security-Token=", {}, "PutObject"),
        ("PUT /bucket/key", COPY, "CopyObject"),
        ("PUT /bucket/key?partNumber=1&uploadId=u", {}, "UploadPart"),
        ("PUT /bucket/key?partNumber=1&uploadId=u", COPY, "UploadPartCopy"),
        ("PUT /bucket/key?tagging", {}, "PutObjectTagging"),
        ("PUT /bucket/key?tagging&versionId=v", {}, "PutObjectTagging"),
        ("POST /bucket/key?uploads", {}, "CreateMultipartUpload"),
        ("POST /bucket/key?uploadId=u", {}, "CompleteMultipartUpload"),
        ("DELETE /bucket/key?uploadId=u", {}, "AbortMultipartUpload"),
        ("GET /bucket/key?uploadId=u&max-parts=1", {}, "ListParts"),
        ("DELETE /bucket/key?versionId=v", {}, "DeleteObject"),
        ("GET /bucket/key?attributes", {}, "GetObjectAttributes"),
        ("GET /bucket/key?annotation", {}, "ListObjectAnnotations"),
        ("GET /bucket/key?annotation&annotationName=a", {}, "GetObjectAnnotation"),
        ("POST /bucket/key?select&select-type=2", {}, "SelectObjectContent"),
        (
            "PUT /bucket/key?renameObject",
            {"x-amz-rename-source": "a"},
            "RenameObject",
        ),
        (
            "POST /WriteGetObjectResponse",
            {"x-amz-request-route": "r", "x-amz-request-token": "t"},
            "WriteGetObjectResponse",
        ),
    ],
)
def test_a_request_is_its_operation(request_line: str, headers: dict[str, str], name: str) -> None:
    assert routed(request_line, headers) == name


@pytest.mark.parametrize(
    ("request_line", "headers", "code"),
    [
        ("PUT /bucket/key?uploadId=u", {}, "MethodNotAllowed"),
        ("PUT /bucket/key?partNumber=1", {}, "InvalidArgument"),
        ("PUT /bucket/key?partNumber=1", COPY, "InvalidArgument"),
        ("PUT /bucket/key?uploadId=u", COPY, "MethodNotAllowed"),
        ("POST /bucket/key?uploadId=u", COPY, "InvalidArgument"),
        ("POST /bucket/key", COPY, "MethodNotAllowed"),
        ("GET /bucket/key", COPY, "InvalidArgument"),
        ("HEAD /bucket", COPY, "InvalidArgument"),
        ("DELETE /bucket/key", COPY, "InvalidArgument"),
        ("PUT /bucket/key?tagging&retention", {}, "InvalidArgument"),
        ("PUT /bucket/key?tagging", COPY, "InvalidArgument"),
        ("PUT /bucket/key?acl&uploadId=u", {}, "InvalidArgument"),
        ("PUT /bucket/key?versioning", {}, "InvalidArgument"),
        ("PUT /bucket/key?list-type=2", {}, "InvalidArgument"),
        ("PUT /bucket/key?versionId=v", {}, "InvalidArgument"),
        ("PUT /bucket/key?versionId", {}, "InvalidArgument"),
        ("PUT /bucket/key", {"x-amz-rename-source": "a"}, "InvalidArgument"),
        ("PUT /bucket/key?renameObject", {}, "InvalidArgument"),
        ("PUT /bucket/key?tomorrow", {}, "NotImplemented"),
        ("PUT /bucket/key?Tagging", {}, "NotImplemented"),
        ("PUT /bucket", COPY, "InvalidArgument"),
        ("PUT /bucket?delete", {}, "MethodNotAllowed"),
        ("PUT /bucket?analytics", {}, "InvalidArgument"),
        ("PUT /bucket?retention", {}, "InvalidArgument"),
        ("PUT /bucket?tomorrow", {}, "NotImplemented"),
        ("DELETE /bucket?tomorrow", {}, "NotImplemented"),
        ("DELETE /bucket?tomorrow=", {}, "NotImplemented"),
        ("DELETE /bucket?acl", {}, "MethodNotAllowed"),
        ("DELETE /bucket?acl=x", {}, "MethodNotAllowed"),
        ("DELETE /bucket?versionId=v", {}, "InvalidArgument"),
        ("DELETE /bucket?uploadId=u", {}, "InvalidArgument"),
        ("DELETE /bucket/key?tomorrow", {}, "NotImplemented"),
        ("DELETE /bucket/key?partNumber=1", {}, "InvalidArgument"),
        ("DELETE /bucket/key?delete", {}, "InvalidArgument"),
        ("DELETE /bucket/key?versionId=a&versionId=b", {}, "InvalidArgument"),
        ("DELETE /bucket/key?uploadId=a&uploadId=b", {}, "InvalidArgument"),
        ("GET /bucket?acl&policy", {}, "InvalidArgument"),
        ("GET /bucket?acl&acl", {}, "InvalidArgument"),
        ("GET /bucket?versionId=v", {}, "InvalidArgument"),
        ("GET /bucket/key?annotationName=a", {}, "InvalidArgument"),
        ("HEAD /bucket?acl", {}, "MethodNotAllowed"),
        ("HEAD /bucket/key?tagging", {}, "MethodNotAllowed"),
        ("HEAD /bucket/key?uploadId=u", {}, "MethodNotAllowed"),
        ("POST /", {}, "MethodNotAllowed"),
        ("POST /bucket/key", {}, "MethodNotAllowed"),
        ("POST /bucket/key?select", {}, "InvalidArgument"),
        ("POST /bucket/key?select&select-type=3", {}, "InvalidArgument"),
        ("POST /bucket", {}, "PreconditionFailed"),
        ("POST /bucket", {"content-type": "text/xml"}, "PreconditionFailed"),
        ("DELETE /", {}, "MethodNotAllowed"),
        ("PATCH /bucket/key", {}, "MethodNotAllowed"),
        ("POST /WriteGetObjectResponse", {}, "MethodNotAllowed"),
    ],
)
def test_a_request_that_is_no_operation_is_refused(
    request_line: str, headers: dict[str, str], code: str
) -> None:
    assert refusal(request_line, headers).code == code


def test_a_refused_method_says_what_is_allowed_and_on_what() -> None:
    refused = refusal("HEAD /bucket/key?uploadId=u")
    assert refused.headers == {"Allow": "GET, POST, DELETE"}
    assert refused.fields == {"Method": "HEAD", "ResourceType": "UPLOAD"}
    refused = refusal("PUT /bucket/key?uploadId=u")
    assert refused.fields == {"Method": "PUT", "ResourceType": "UPLOAD"}
    assert refusal("POST /").headers == {"Allow": "GET"}
    refused = refusal("PATCH /bucket")
    assert refused.headers == {"Allow": "GET, HEAD, PUT, POST, DELETE"}
    assert refused.fields == {"Method": "PATCH", "ResourceType": "BUCKET"}
    assert refusal("GET /bucket/key?renameObject").headers == {"Allow": "PUT"}


def test_conflicting_parameters_are_named_in_order() -> None:
    refused = refusal("GET /bucket?versioning&acl")
    assert refused.message == "Conflicting query string parameters: acl, versioning"
    assert refused.fields == {"ArgumentName": "ResourceType", "ArgumentValue": "acl"}


def test_what_an_incomplete_request_lacks_is_named() -> None:
    assert refusal("DELETE /bucket?metrics").fields["ArgumentName"] == "id"
    refused = refusal("PUT /bucket/key?partNumber=7")
    assert refused.message == "This operation does not accept partNumber without uploadId"
    assert refused.fields == {"ArgumentName": "partNumber", "ArgumentValue": "partNumber"}
    refused = refusal("GET /bucket/key", COPY)
    assert refused.message == "You can only specify a copy source header for copy requests."
    assert refused.fields["ArgumentName"] == "x-amz-copy-source"


def plain(method: str, scope: Scope) -> Operation | None:
    return next(
        (
            row
            for row in ROWS
            if (row.method, row.scope) == (method, scope) and not row.query and not row.headers
        ),
        None,
    )


names = st.dictionaries(st.sampled_from(SELECTORS), st.sampled_from(["", "1", "2"]), max_size=4)
scopes = st.sampled_from([Scope.BUCKET, Scope.OBJECT])


@given(method=st.sampled_from(WRITES), scope=scopes, params=names, copy=st.booleans())
def test_a_write_is_served_only_if_its_selectors_are_exactly_those_of_the_row(
    method: str, scope: Scope, params: dict[str, str], copy: bool
) -> None:
    target = Target(bucket="b-b", key="k" if scope is Scope.OBJECT else None, params=params)
    headers = {**(COPY if copy else {}), "content-type": "multipart/form-data"}
    try:
        row = ROUTER.route(method, target, headers)
    except S3Error:
        return
    assert set(row.query) == set(params)
    assert all(not value or params[name] == value for name, value in row.query.items())
    if method == "PUT":
        assert ("x-amz-copy-source" in row.headers) is copy


@given(scope=scopes, params=names)
def test_a_read_is_served_only_if_it_names_the_row_and_no_other_of_its_scope(
    scope: Scope, params: dict[str, str]
) -> None:
    target = Target(bucket="b-b", key="k" if scope is Scope.OBJECT else None, params=params)
    try:
        row = ROUTER.route("GET", target, {})
    except S3Error:
        return
    others = {
        name
        for other in ROWS
        if (other.method, other.scope) == ("GET", scope)
        for name, value in other.query.items()
        if params.get(name, "missing") == (value or params.get(name))
    }
    assert set(row.query) == others


@pytest.mark.parametrize("method", WRITES)
@pytest.mark.parametrize("scope", [Scope.BUCKET, Scope.OBJECT])
@pytest.mark.parametrize("name", SELECTORS)
def test_no_selector_reaches_the_write_without_selectors(
    method: str, scope: Scope, name: str
) -> None:
    for value in ("", "1"):
        target = Target(
            bucket="b-b", key="k" if scope is Scope.OBJECT else None, params={name: value}
        )
        headers = {"content-type": "multipart/form-data"}
        try:
            row = ROUTER.route(method, target, headers)
        except S3Error:
            continue
        assert set(row.query) == {name}


@given(
    method=st.sampled_from(WRITES),
    scope=scopes,
    name=st.text(min_size=1, max_size=12).filter(
        lambda name: not name.lower().startswith(("x-amz-", "response-")) and name != "x-id"
    ),
)
def test_no_unknown_sub_resource_reaches_a_write(method: str, scope: Scope, name: str) -> None:
    target = Target(bucket="b-b", key="k" if scope is Scope.OBJECT else None, params={name: ""})
    try:
        row = ROUTER.route(method, target, {"content-type": "multipart/form-data"})
    except S3Error:
        return
    assert name in row.query


@given(
    method=st.one_of(st.sampled_from(["GET", "HEAD", *WRITES]), st.text(max_size=8)),
    target=st.builds(
        Target,
        bucket=st.sampled_from([None, "bucket"]),
        key=st.sampled_from([None, "key"]),
        params=st.dictionaries(
            st.one_of(st.text(max_size=6), st.sampled_from([*SELECTORS, "versionId"])),
            st.text(max_size=3),
            max_size=5,
        ),
        repeated=st.frozensets(st.sampled_from([*SELECTORS, "versionId", "x"]), max_size=2),
    ),
    headers=st.dictionaries(
        st.sampled_from(["x-amz-copy-source", "x-amz-rename-source", "content-type"]),
        st.text(max_size=4),
    ),
)
def test_any_request_is_an_operation_of_its_method_and_scope_or_refused(
    method: str, target: Target, headers: dict[str, str]
) -> None:
    try:
        row = ROUTER.route(method, target, headers)
    except S3Error:
        return
    assert row.method == method
    if target.key is not None:
        assert row.scope is Scope.OBJECT
    else:
        assert row.scope is (Scope.SERVICE if target.bucket is None else Scope.BUCKET)
    if "versionId" in target.params:
        assert row.takes_version


def test_the_write_without_selectors_is_what_the_rule_protects() -> None:
    protected = {
        row.name
        for method in WRITES
        for scope in Scope
        if (row := plain(method, scope)) is not None
    }
    assert protected == {
        "CreateBucket", "DeleteBucket", "PostObject", "PutObject", "DeleteObject",
    }  # fmt: skip
