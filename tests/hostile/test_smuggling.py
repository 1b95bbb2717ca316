"""The corpus, sent to the server itself: each request has one meaning, or none."""

import pytest

from tests.hostile.corpus import CORPUS
from tests.hostile.exchanges import exchanged, seen, stored
from tests.hostile.writing import SMUGGLED, Case
from tests.live.client import Client
from tests.live.server import Live


def test_the_corpus_is_large_and_its_names_are_its_own() -> None:
    assert len(CORPUS) >= 120
    assert len({case.name for case in CORPUS}) == len(CORPUS)


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.name)
def test_a_request_has_one_meaning_or_none(
    live: Live, client: Client, bucket: str, case: Case
) -> None:
    exchange = exchanged(live.port, case.written(client, bucket), len(case.answers))
    assert (exchange.statuses, exchange.closed) == (case.answers, case.closes)
    for reply in exchange.replies:
        assert reply.status < 400 or reply.code or reply.body == b"not found\n", reply
        assert reply.status < 500 or reply.status in {501, 505}
    paths = [event.path for event in seen(live)]
    assert paths.count(SMUGGLED) == case.answers[1:].count(403), paths
    assert stored(client, bucket) == case.stores
    assert live.staged() == []
