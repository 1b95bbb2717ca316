"""Weaknesses of other servers, and the tests that hold them off here.

What they were is told in our own words, from their public advisories. A short GHSA id is the beginning of one.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Advisory:
    """``test``: file and function in this folder. ``unserved``: operations it would need and that
    are not built; the test asserts that each answers 501 with its name and changes nothing."""

    id: str
    project: str
    mechanism: str
    test: str
    unserved: tuple[str, ...] = ()


def _row(id: str, project: str, mechanism: str, test: str, *unserved: str) -> Advisory:
    return Advisory(id=id, project=project, mechanism=mechanism, test=test, unserved=unserved)


SIGNATURES: Final = (
    _row(
        "CVE-2025-31489",
        "MinIO",
        "the signature of a request with an unsigned trailer was never checked",
        "test_signatures.py::test_no_kind_of_body_does_without_the_signature",
    ),
    _row(
        "SeaweedFS#2180",
        "SeaweedFS",
        "streaming bodies were taken without a check of the signature",
        "test_signatures.py::test_no_kind_of_body_does_without_the_signature",
    ),
    _row(
        "SeaweedFS#7912",
        "SeaweedFS",
        "an unsigned streaming body with a trailer passed without a signature",
        "test_signatures.py::test_no_kind_of_body_does_without_the_signature",
    ),
    _row(
        "SeaweedFS#7954",
        "SeaweedFS",
        "the same in another handler",
        "test_signatures.py::test_no_kind_of_body_does_without_the_signature",
    ),
    _row(
        "CVE-2026-41145",
        "MinIO",
        "with the credential in the query the check of a streaming body was left out",
        "test_signatures.py::test_nor_does_one_whose_credential_is_in_the_query",
    ),
    _row(
        "CVE-2026-40344",
        "MinIO",
        "the handler that unpacks archives had no case for that kind of body",
        "test_signatures.py::test_no_header_leads_to_a_handler_that_checks_less",
    ),
    _row(
        "versitygw#1147",
        "Versity Gateway",
        "the signature of the last, empty chunk was not checked",
        "test_signatures.py::test_the_signature_of_the_last_chunk_counts",
    ),
    _row(
        "CVE-2026-71191",
        "OpenStack Swift",
        "an unsigned x-amz-copy-source added to a presigned PUT read any object of the signer",
        "test_signatures.py::test_a_header_that_was_not_signed_cannot_be_added",
    ),
    _row(
        "RustFS#7425",
        "RustFS",
        "headers that were not signed changed a signed request",
        "test_signatures.py::test_a_header_that_was_not_signed_cannot_be_added",
    ),
    _row(
        "GHSA-xm99",
        "RustFS",
        "the same for presigned requests",
        "test_signatures.py::test_a_header_that_was_not_signed_cannot_be_added",
    ),
    _row(
        "GHSA-g8w9",
        "RustFS",
        "the same for copies",
        "test_signatures.py::test_a_header_that_was_not_signed_cannot_be_added",
    ),
    _row(
        "s3proxy 757a9dc8",
        "S3Proxy",
        "signatures were compared with ==",
        "test_signatures.py::test_secrets_and_signatures_are_compared_by_compare_digest_only",
    ),
    _row(
        "GHSA-3p3x",
        "RustFS",
        "secrets were compared with ==",
        "test_signatures.py::test_secrets_and_signatures_are_compared_by_compare_digest_only",
    ),
    _row(
        "GHSA-3p3x key look-up",
        "RustFS",
        "an unknown key was answered sooner than a wrong signature",
        "test_signatures.py::test_an_unknown_key_costs_the_computation_of_a_known_one",
    ),
    _row(
        "CVE-2026-49017",
        "OpenStack Swift",
        "a truncated aws-chunked body was read for ever",
        "test_signatures.py::test_a_framed_body_that_breaks_off_ends",
    ),
    _row(
        "GHSA-v2ch-c8v8-fgr7",
        "Versity Gateway",
        "one request ended the whole gateway",
        "test_signatures.py::test_no_request_ends_the_server",
    ),
    _row(
        "presigned body",
        "S3",
        "an unsigned header lifted what a presigned URL says of its body",
        "test_signatures.py::test_a_header_does_not_lift_what_a_url_says_of_its_body",
    ),
)
AUTHORIZATION: Final = (
    _row(
        "CVE-2021-21362",
        "MinIO",
        "a form upload ignored the policy: a reader could write",
        "test_authorization.py::test_a_form_is_not_served_and_stores_nothing",
        "PostObject",
    ),
    _row(
        "CVE-2023-28434",
        "MinIO",
        "a form upload wrote into another bucket than its policy named",
        "test_authorization.py::test_a_form_is_not_served_and_stores_nothing",
        "PostObject",
    ),
    _row(
        "CVE-2023-43040",
        "Ceph",
        "a form upload took the bucket from elsewhere than the policy check",
        "test_authorization.py::test_a_form_is_not_served_and_stores_nothing",
        "PostObject",
    ),
    _row(
        "GHSA-w5fh",
        "RustFS",
        "conditions of a form's policy were not enforced",
        "test_authorization.py::test_a_form_is_not_served_and_stores_nothing",
        "PostObject",
    ),
    _row(
        "CVE-2025-69228",
        "aiohttp",
        "the fields of a form had a limit each and none together",
        "test_authorization.py::test_a_form_is_not_served_and_stores_nothing",
        "PostObject",
    ),
    _row(
        "GHSA-mx42",
        "RustFS",
        "UploadPartCopy did not ask for the right to read its source",
        "test_authorization.py::test_a_copy_needs_the_right_to_read_its_source",
    ),
    _row(
        "GHSA-wfxj",
        "RustFS",
        "CopyObject did not ask for the right to read its source",
        "test_authorization.py::test_a_copy_needs_the_right_to_read_its_source",
    ),
    _row(
        "CVE-2026-55874",
        "SeaweedFS",
        ".. in a copy's source left the bucket",
        "test_authorization.py::test_a_copy_needs_the_right_to_read_its_source",
    ),
    _row(
        "GHSA-3ppv",
        "RustFS",
        "reading a version was judged as reading the current object",
        "test_authorization.py::test_a_version_is_another_right",
    ),
    _row(
        "GHSA-x298",
        "RustFS",
        "anonymous ListObjectVersions fell back to another right",
        "test_authorization.py::test_nobody_is_an_owner",
    ),
    _row(
        "CVE-2026-55873",
        "SeaweedFS",
        "identities without an account became the administrator",
        "test_authorization.py::test_nobody_is_an_owner",
    ),
    _row(
        "CVE-2024-36107",
        "MinIO",
        "conditional headers were judged before the signature and told what exists",
        "test_authorization.py::test_conditions_tell_a_stranger_nothing",
    ),
    _row(
        "CVE-2023-25812",
        "MinIO",
        "a Deny of BypassGovernanceRetention was ignored",
        "test_authorization.py::test_governance_cannot_be_bypassed_since_there_is_none",
        "PutObjectRetention",
    ),
    _row(
        "GHSA-j548",
        "RustFS",
        "a lock configuration that could not be read counted as none",
        "test_authorization.py::test_a_lock_is_refused_and_so_never_unreadable",
        "PutObjectLegalHold",
        "PutObjectLockConfiguration",
    ),
    _row(
        "CVE-2022-24842",
        "MinIO",
        "a service account could be made for another user",
        "test_authorization.py::test_no_credentials_are_derived_from_others",
    ),
    _row(
        "CVE-2021-43858",
        "MinIO",
        "a user could change their own policy",
        "test_authorization.py::test_no_credentials_are_derived_from_others",
    ),
    _row(
        "CVE-2024-24747",
        "MinIO",
        "an access key could raise its own rights",
        "test_authorization.py::test_no_credentials_are_derived_from_others",
    ),
    _row(
        "GHSA-jjjj-jwhf-8rgr",
        "MinIO",
        "a restricted session could make an unrestricted account",
        "test_authorization.py::test_no_credentials_are_derived_from_others",
    ),
    _row(
        "GHSA-xgr5",
        "RustFS",
        "a child key exceeded its parent",
        "test_authorization.py::test_no_credentials_are_derived_from_others",
    ),
    _row(
        "GHSA-5354",
        "RustFS",
        "importing identities was judged by the wrong action",
        "test_authorization.py::test_no_credentials_are_derived_from_others",
    ),
    _row(
        "GHSA-vcwh",
        "RustFS",
        "the user to be changed was taken from the request",
        "test_authorization.py::test_no_credentials_are_derived_from_others",
    ),
    _row(
        "GHSA-6r96",
        "RustFS",
        "request headers overwrote trusted keys of policy conditions",
        "test_authorization.py::test_no_header_becomes_a_condition_since_there_are_no_policies",
        "PutBucketPolicy",
    ),
    _row(
        "GHSA-v9cp",
        "RustFS",
        "ForAllValues and ForAnyValue were confused under negation",
        "test_authorization.py::test_no_header_becomes_a_condition_since_there_are_no_policies",
        "PutBucketPolicy",
    ),
    _row(
        "GHSA-fc6g",
        "RustFS",
        "aws:SourceIp believed X-Forwarded-For",
        "test_authorization.py::test_who_asks_is_not_who_a_header_says",
    ),
    _row(
        "public address",
        "S3",
        "a URL signed for the public address named another bucket by its Host",
        "test_authorization.py::test_a_url_of_the_public_address_is_not_one_of_another_bucket",
    ),
)
DOORS: Final = (
    _row(
        "CVE-2023-28432",
        "MinIO",
        "an open bootstrap address told the environment, the root password in it",
        "test_doors_and_secrets.py::test_nothing_tells_the_environment",
    ),
    _row(
        "CVE-2025-68926",
        "RustFS",
        "calls between nodes were open to a fixed token",
        "test_doors_and_secrets.py::test_no_call_of_another_node_is_answered",
    ),
    _row(
        "CVE-2026-72920",
        "SeaweedFS",
        "the service that manages identities was open",
        "test_doors_and_secrets.py::test_no_call_of_another_node_is_answered",
    ),
    _row(
        "GHSA-87fv",
        "SeaweedFS",
        "an open call fetched any address on behalf of whoever asked",
        "test_doors_and_secrets.py::test_no_call_of_another_node_is_answered",
    ),
    _row(
        "GHSA-jqmc",
        "RustFS",
        "profiles were open",
        "test_doors_and_secrets.py::test_no_profile_and_no_metric_is_told_on_the_port_of_clients",
    ),
    _row(
        "GHSA-f5cv",
        "RustFS",
        "metrics were open",
        "test_doors_and_secrets.py::test_no_profile_and_no_metric_is_told_on_the_port_of_clients",
    ),
    _row(
        "CVE-2026-34204",
        "MinIO",
        "clients could set headers meant for replication",
        "test_doors_and_secrets.py::test_a_header_of_others_own_is_no_header_of_ours",
    ),
    _row(
        "CVE-2026-71192",
        "OpenStack Swift",
        "clients could set headers of the inside",
        "test_doors_and_secrets.py::test_a_header_of_others_own_is_no_header_of_ours",
    ),
    _row(
        "CVE-2026-50221",
        "OpenStack Swift",
        "the same by another way in",
        "test_doors_and_secrets.py::test_a_header_of_others_own_is_no_header_of_ours",
    ),
    _row(
        "RustFS default credentials",
        "RustFS",
        "keys that everyone knows were in force (six advisories)",
        "test_doors_and_secrets.py::test_there_is_no_key_that_everyone_knows",
    ),
    _row(
        "RustFS secrets in logs",
        "RustFS",
        "credentials and the expected signature were logged (three advisories)",
        "test_doors_and_secrets.py::test_neither_secret_nor_signature_is_logged_or_shown",
    ),
    _row(
        "CVE-2026-33322",
        "MinIO",
        "a token chose the algorithm by which it was checked",
        "test_doors_and_secrets.py::test_no_token_but_a_signature_is_believed",
    ),
    _row(
        "GHSA-m479",
        "RustFS",
        "the address of an identity provider was looked up twice, with different answers",
        "test_doors_and_secrets.py::test_no_setting_and_no_request_makes_the_server_ask_others",
        "PutBucketLogging",
        "PutBucketNotificationConfiguration",
        "PutBucketReplication",
        "PutBucketWebsite",
    ),
)
HTTP: Final = (
    _row(
        "CVE-2025-43859",
        "h11",
        "line ends of chunks were not checked",
        "test_http.py::test_a_chunk_ends_with_a_carriage_return_and_a_line_feed",
    ),
    _row(
        "CVE-2025-22871",
        "Go net/http",
        "a bare line feed ended a chunk's size",
        "test_http.py::test_a_chunk_ends_with_a_carriage_return_and_a_line_feed",
    ),
    _row(
        "CVE-2025-55315",
        "Kestrel",
        "a line feed in a chunk extension hid a request",
        "test_http.py::test_a_chunk_extension_holds_no_line_end",
    ),
    _row(
        "CVE-2023-37276",
        "aiohttp",
        "its parsers in C and in Python read other requests",
        "test_http.py::test_the_parser_is_the_compiled_one",
    ),
    _row(
        "CVE-2025-53643",
        "aiohttp",
        "the parser in Python read trailers wrongly",
        "test_http.py::test_the_parser_is_the_compiled_one",
    ),
    _row(
        "aiohttp duplicate Host",
        "aiohttp",
        "several Host headers were taken",
        "test_http.py::test_there_is_one_host_and_it_can_be_one",
    ),
    _row(
        "Host confusion",
        "HTTP",
        "target, Host and forwarded host name different servers",
        "test_http.py::test_there_is_one_host_and_it_can_be_one",
    ),
    _row(
        "CVE-2026-34520",
        "aiohttp",
        "NUL and control characters in headers were taken",
        "test_http.py::test_no_header_holds_a_control_character",
    ),
    _row(
        "CVE-2026-22815",
        "aiohttp",
        "trailers were without limit",
        "test_http.py::test_ten_thousand_trailers_are_refused_and_not_kept",
    ),
    _row(
        "aiohttp trailer in the next request",
        "aiohttp",
        "the last line of a trailer becomes a header of the next request on the connection",
        "test_http.py::test_a_trailer_is_no_header_of_the_next_request",
    ),
    _row(
        "CVE-2025-69229",
        "aiohttp",
        "many tiny chunks took quadratic time",
        "test_http.py::test_many_tiny_chunks_are_taken_or_refused_in_a_time_that_grows_with_them",
    ),
    _row(
        "CVE-2025-62727",
        "Starlette",
        "many ranges took quadratic time",
        "test_http.py::test_a_long_header_costs_what_it_is_long",
    ),
    _row(
        "CVE-2026-71190",
        "OpenStack Swift",
        "a long Accept header backtracked",
        "test_http.py::test_a_long_header_costs_what_it_is_long",
    ),
    _row(
        "CVE-2022-3854",
        "Ceph",
        "an empty name of a bucket crashed the gateway",
        "test_http.py::test_odd_requests_crash_nothing",
    ),
    _row(
        "CVE-2019-10222",
        "Ceph",
        "a connection closed early crashed the gateway",
        "test_http.py::test_odd_requests_crash_nothing",
    ),
    _row(
        "CVE-2019-19337",
        "Ceph",
        "an odd Content-Length crashed the gateway",
        "test_http.py::test_odd_requests_crash_nothing",
    ),
    _row(
        "cache poisoning",
        "HTTP",
        "a refusal was kept by a cache and given to others",
        "test_http.py::test_a_refusal_is_kept_by_no_cache",
    ),
    _row(
        "duplicate parameters",
        "HTTP",
        "of a parameter given twice one server read the first, another the last",
        "test_http.py::test_a_parameter_that_decides_is_given_once",
    ),
)
PARSERS: Final = (
    _row(
        "CVE-2024-23334",
        "aiohttp",
        "static files were served from outside their folder",
        "test_paths_and_parsers.py::test_a_key_is_a_name_and_no_path",
    ),
    _row(
        "CVE-2025-69226",
        "aiohttp",
        "static files told which paths exist",
        "test_paths_and_parsers.py::test_a_key_is_a_name_and_no_path",
    ),
    _row(
        "CVE-2026-54917",
        "SeaweedFS",
        "a key left its folder",
        "test_paths_and_parsers.py::test_a_key_is_a_name_and_no_path",
    ),
    _row(
        "s3proxy 86b6ee47",
        "S3Proxy",
        "a key left its folder",
        "test_paths_and_parsers.py::test_a_key_is_a_name_and_no_path",
    ),
    _row(
        "s3proxy bd2c2294",
        "S3Proxy",
        "the name of a container left its folder",
        "test_paths_and_parsers.py::test_a_key_is_a_name_and_no_path",
    ),
    _row(
        "CVE-2023-28433",
        "MinIO",
        "a backslash in a key left the folder on Windows",
        "test_paths_and_parsers.py::test_a_key_is_a_name_and_no_path",
    ),
    _row(
        "CVE-2026-42600",
        "MinIO",
        "a path in a request left its folder",
        "test_paths_and_parsers.py::test_a_key_is_a_name_and_no_path",
    ),
    _row(
        "Incus GHSA-ccjc",
        "Incus",
        "an upload id left its folder",
        "test_paths_and_parsers.py::test_an_upload_id_is_no_path",
    ),
    _row(
        "CVE-2022-47950",
        "OpenStack Swift",
        "an entity in a document read files",
        "test_paths_and_parsers.py::test_no_entity_is_read",
    ),
    _row(
        "CVE-2025-27136",
        "LocalS3",
        "an entity in a document read files",
        "test_paths_and_parsers.py::test_no_entity_is_read",
    ),
    _row(
        "s3proxy 7d8d1327",
        "S3Proxy",
        "an entity in a document read files",
        "test_paths_and_parsers.py::test_no_entity_is_read",
    ),
    _row(
        "CVE-2020-10753",
        "Ceph",
        "a line feed in ExposeHeader split the answer",
        "test_paths_and_parsers.py::test_no_value_splits_an_answer",
        "PutBucketCors",
    ),
    _row(
        "CVE-2021-3524",
        "Ceph",
        "the same with a carriage return",
        "test_paths_and_parsers.py::test_no_value_splits_an_answer",
        "PutBucketCors",
    ),
    _row(
        "GHSA-x5xv",
        "RustFS",
        "any origin was reflected, with credentials",
        "test_paths_and_parsers.py::test_no_origin_is_reflected",
    ),
    _row(
        "GHSA-v9fg",
        "RustFS",
        "a preview served HTML on the console's own origin",
        "test_paths_and_parsers.py::test_nothing_is_served_beside_the_objects_that_a_page_could_attack",
    ),
    _row(
        "GHSA-f4vq",
        "RustFS",
        "entries of an archive left the bucket",
        "test_paths_and_parsers.py::test_an_archive_is_an_object_and_never_unpacked",
    ),
    _row(
        "decompression",
        "HTTP",
        "a small body inflated to a large one",
        "test_paths_and_parsers.py::test_a_body_is_never_inflated",
    ),
    _row(
        "symlink escape",
        "file systems",
        "a link in a bucket's folder led outside",
        "test_paths_and_parsers.py::test_a_link_leads_nowhere",
    ),
    _row(
        "bucketsquatting",
        "S3",
        "a bucket was made by someone else under an expected name",
        "test_paths_and_parsers.py::test_a_bucket_s_name_means_nothing_else",
    ),
    _row(
        "robots.txt",
        "S3",
        "in path style a bucket's name is a file of the site",
        "test_paths_and_parsers.py::test_a_bucket_s_name_means_nothing_else",
    ),
    _row(
        "website redirect",
        "S3",
        "a stored redirect led clients elsewhere",
        "test_paths_and_parsers.py::test_a_redirect_is_told_and_never_followed_or_sent",
        "PutBucketWebsite",
    ),
    _row(
        "metadata injection",
        "S3",
        "metadata came back as several headers",
        "test_paths_and_parsers.py::test_metadata_comes_back_as_one_header",
    ),
)

THEMES: Final = {
    "Signatures": SIGNATURES,
    "Authorization": AUTHORIZATION,
    "Internal doors and secrets": DOORS,
    "HTTP": HTTP,
    "Paths, documents and headers": PARSERS,
}
BY_ID: Final = {row.id: row for rows in THEMES.values() for row in rows}
