"""What every storage promises of listings."""

from collections.abc import Collection

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from backends.errors import NameRefused
from backends.interface import Storage
from tests.backends.making import NewStorage, body, known, paths

# Few letters, so that names meet; those around "/" in byte order; outside the BMP, since UTF-16
# would order it before U+FF41.
SEGMENT = st.text(alphabet="a.b-0~ é\uff41\U0001f600", min_size=1, max_size=4).filter(
    lambda s: s not in {".", ".."}
)
PATH = st.lists(SEGMENT, min_size=1, max_size=4).map("/".join)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@example(wanted=["b/a/x", "b/a.b", "b/a-", "b/a0", "b/aa"], prefix="b/a", after="")
@example(wanted=["b/a/x", "b/a.b", "b/a0"], prefix="", after="b/a/")
@example(wanted=["\uff41/x", "\U0001f600/x"], prefix="", after="")
@given(
    wanted=st.lists(PATH, max_size=12, unique=True),
    prefix=st.just("") | PATH | st.text(alphabet="a./b", max_size=4),
    after=st.just("") | PATH | st.text(alphabet="a./b", max_size=4),
)
async def test_a_listing_is_the_sorted_paths(
    new_storage: NewStorage, wanted: list[str], prefix: str, after: str
) -> None:
    async with new_storage() as storage:
        there = {}
        for path in wanted:
            try:
                data = path.encode()
                there[path] = await storage.write(path, body(data), size=len(data))
            except NameRefused:  # one name for a file and a folder
                continue
        listed = [stored async for stored in storage.list(prefix, after=after)]
        chosen = [p for p in there if p.startswith(prefix) and p.encode() > after.encode()]
        assert [stored.path for stored in listed] == sorted(chosen, key=str.encode)
        assert [known(stored) for stored in listed] == [known(there[s.path]) for s in listed]


async def test_a_listing_may_be_left(storage: Storage) -> None:
    for n in range(5):
        await storage.write(f"b/k{n}", body(b"x"), size=1)
    async for stored in storage.list("b/"):
        assert stored.path == "b/k0"
        break


async def test_what_is_written_during_a_listing_does_not_disturb_it(storage: Storage) -> None:
    for n in range(20):
        await storage.write(f"b/{n:02}/k", body(b"x"), size=1)
    seen = []
    async for stored in storage.list():
        seen.append(stored.path)
        await storage.delete(stored.path)
        await storage.write(f"{stored.path}-new/k", body(b"x"), size=1)
        if len(seen) > 100:
            break
    assert [path for path in seen if path.endswith("/k")][:1] == ["b/00/k"]
    assert {f"b/{n:02}/k" for n in range(20)} <= set(seen)
    assert seen == sorted(seen)


async def test_what_is_reserved_is_listed_only_when_asked_for(
    storage: Storage, cannot_hold: Collection[str]
) -> None:
    await storage.write("b/k", body(b"x"), size=1)
    await storage.write(".s3front/o/aa/shadow", body(b"x"), size=1)
    below = [] if ".s3front/k" in cannot_hold else ["b/.s3front/k"]
    for path in below:
        await storage.write(path, body(b"x"), size=1)
    assert await paths(storage) == [*below, "b/k"]
    assert await paths(storage, ".") == []
    assert await paths(storage, ".s3front") == []
    assert await paths(storage, ".s3front/") == [".s3front/o/aa/shadow"]
    assert await paths(storage, ".s3front/o/aa") == [".s3front/o/aa/shadow"]
    assert await paths(storage, ".s3front/", after=".s3front/o/aa/shadow") == []


async def test_a_prefix_that_leads_out_lists_nothing(storage: Storage) -> None:
    await storage.write("b/k", body(b"x"), size=1)
    for prefix in ("../", "b/../", "/", "b//", "b/./", "../../../etc/", "\0/", "\udc80/"):
        assert await paths(storage, prefix) == []
