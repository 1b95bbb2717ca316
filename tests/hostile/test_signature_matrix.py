"""Every writing operation × where the signature is × what it is × what is said of the body."""

import pytest

from tests.hostile.signed_attempts import (
    ABSENT,
    KINDS,
    NO_KINDS,
    PLACES,
    SIGNATURES,
    Place,
    attempt,
)
from tests.hostile.writing_operations import PREPARED, WRITES, snapshot
from tests.live.client import Client
from tests.live.server import Live


def test_every_writing_operation_that_is_built_is_in_the_matrix() -> None:
    assert PREPARED.keys() == WRITES


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("operation", sorted(PREPARED))
def test_nothing_is_written_without_the_right_signature_in_one_place(
    live: Live, client: Client, bucket: str, operation: str, place: Place
) -> None:
    asked = PREPARED[operation](client, bucket)
    before = snapshot(client, bucket)
    for signature in SIGNATURES:
        if signature == "right" and place != "both":
            continue
        for kind in KINDS:
            answer = attempt(client, asked, kind=kind, place=place, signature=signature)
            assert answer.status in {400, 403, 501}, (kind, signature, answer)
            assert answer.code, (kind, signature, answer)
    assert snapshot(client, bucket) == before
    assert live.staged() == []


@pytest.mark.parametrize("place", ["header", "query"])
@pytest.mark.parametrize("operation", sorted(PREPARED))
def test_a_body_of_no_kind_is_refused_with_the_right_signature_too(
    client: Client, bucket: str, operation: str, place: Place
) -> None:
    asked = PREPARED[operation](client, bucket)
    before = snapshot(client, bucket)
    kinds = (*NO_KINDS, ABSENT) if place == "header" else NO_KINDS
    for kind in kinds:
        answer = attempt(client, asked, kind=kind, place=place, signature="right")
        assert answer.status in {400, 501}, (kind, answer)
    assert snapshot(client, bucket) == before


@pytest.mark.parametrize("place", ["header", "query"])
@pytest.mark.parametrize("operation", sorted(PREPARED))
def test_the_right_signature_writes_whatever_the_kind_of_body(
    client: Client, bucket: str, operation: str, place: Place
) -> None:
    for kind in KINDS:
        if kind == ABSENT and place == "header":
            continue
        asked = PREPARED[operation](client, bucket)
        before = snapshot(client, bucket)
        answer = attempt(client, asked, kind=kind, place=place, signature="right")
        assert answer.status in {200, 204}, (kind, answer, answer.body)
        assert snapshot(client, bucket) != before
