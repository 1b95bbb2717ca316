"""Rolling keys up: cost and bytes."""

from bisect import bisect_left

from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog.sqlite.listing import END, Walk, span, successor


class Rows:
    """Sorted keys that count what is asked of them."""

    def __init__(self, keys: list[bytes]) -> None:
        self.keys = sorted(keys)
        self.seeks = 0
        self.read = 0

    def fetch(self, position: bytes, count: int) -> list[tuple[bytes]]:
        at = bisect_left(self.keys, position)
        rows = [(key,) for key in self.keys[at : at + count]]
        self.seeks += 1
        self.read += len(rows)
        return rows

    def walk(self) -> Walk[bytes]:
        return Walk(self.fetch, seek=lambda key: key, follow=lambda row: bytes(row[0]) + b"\0")


def test_a_prefix_costs_the_same_however_many_keys_it_hides() -> None:
    for hidden in (1, 10, 1_000):
        rows = Rows([b"%03d/%04d" % (p, k) for p in range(200) for k in range(hidden)])
        found, more = rows.walk().items(b"", b"/", b"", b"", 150)
        assert (len(found), more) == (150, True)
        assert rows.read <= 5 * 150 + 64
        assert rows.seeks <= 151


def test_keys_without_a_delimiter_are_read_in_few_pieces() -> None:
    rows = Rows([b"%05d" % n for n in range(5_000)])
    found, more = rows.walk().items(b"", b"/", b"", b"", 1_000)
    assert (len(found), more) == (1_000, True)
    assert rows.read <= 1_001
    assert rows.seeks <= 6


def test_after_under_a_prefix_is_left_behind_by_one_seek() -> None:
    rows = Rows([b"a/%05d" % n for n in range(5_000)] + [b"b"])
    found, more = rows.walk().items(b"", b"/", b"a/00007", b"a/00007\0", 10)
    assert (found, more) == ([(b"b",)], False)
    assert rows.read == 1


@given(prefix=st.binary(max_size=4), key=st.binary(max_size=6))
def test_the_successor_bounds_exactly_the_strings_with_a_prefix(prefix: bytes, key: bytes) -> None:
    beyond = successor(prefix)
    if key.startswith(prefix):
        assert beyond is None or key < beyond
    elif key > prefix:
        assert beyond is not None
        assert key >= beyond


@given(key=st.text(st.characters(exclude_categories=["Cs"])))
def test_every_key_is_before_the_end(key: str) -> None:
    assert key.encode() < END


@given(prefix=st.text(max_size=3), after=st.text(max_size=3), key=st.text(min_size=1, max_size=4))
def test_a_span_holds_the_keys_with_a_prefix_after_a_key(prefix: str, after: str, key: str) -> None:
    start, end = span(prefix.encode(), after.encode())
    inside = start <= key.encode() < end
    assert inside == (key.startswith(prefix) and key.encode() > after.encode())
