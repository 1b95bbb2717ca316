"""What a catalog promises of findings and notes."""

import dataclasses
from collections.abc import Callable

from gateway.catalog.interface import Catalog
from gateway.catalog.records import Bucket, Finding
from tests.catalog.shelf import Shelf
from tests.catalog.versions import new_version

OF_CATALOG = Finding(kind="catalog", detail="a page", first_ns=1, last_ns=1)


def of(bucket: Bucket, key: str, sequence: int, *, kind: str = "damaged", at: int = 5) -> Finding:
    return Finding(
        bucket=bucket.name,
        key=key,
        kind=kind,
        detail="it differs",
        sequence=sequence,
        first_ns=at,
        last_ns=at,
    )


async def test_findings_are_kept_in_order_until_cleared(
    catalog: Catalog, bucket: Bucket, shelf: Shelf, make: Callable[[], Catalog]
) -> None:
    added = [OF_CATALOG]
    for key in ("a", "a/é", "b"):
        version = await catalog.publish(bucket, new_version(bucket, key, shelf=shelf))
        added += [of(bucket, key, version.sequence, kind=kind) for kind in ("damaged", "missing")]
    await catalog.add_findings(list(reversed(added)))
    other = make()
    await other.open()
    assert list(await other.findings(limit=100)) == added
    await other.aclose()
    first = await catalog.findings(limit=3)
    last = first[-1]
    rest = await catalog.findings(after=(last.bucket, last.key, last.kind), limit=100)
    assert [*first, *rest] == added
    await catalog.clear_findings(bucket.name, "a")
    await catalog.clear_findings("", "")
    assert list(await catalog.findings(limit=100)) == added[3:]


async def test_a_finding_is_void_once_its_version_is_gone(
    catalog: Catalog, bucket: Bucket, shelf: Shelf
) -> None:
    kept = await catalog.publish(bucket, new_version(bucket, "kept", shelf=shelf))
    for key in ("overwritten", "deleted"):
        version = await catalog.publish(bucket, new_version(bucket, key, shelf=shelf))
        await catalog.add_findings([of(bucket, key, version.sequence)])
    await catalog.add_findings([of(bucket, "kept", kept.sequence), OF_CATALOG])
    await catalog.set_tags(bucket, "kept", [("a", "b")])
    await catalog.publish(bucket, new_version(bucket, "overwritten", shelf=shelf))
    await catalog.remove(bucket, "deleted")
    valid = [OF_CATALOG, of(bucket, "kept", kept.sequence)]
    assert list(await catalog.findings(limit=100)) == valid
    await catalog.forget_void_findings()
    assert list(await catalog.findings(limit=100)) == valid


async def test_the_first_time_it_was_seen_is_kept_for_the_same_version(
    catalog: Catalog, bucket: Bucket, shelf: Shelf
) -> None:
    version = await catalog.publish(bucket, new_version(bucket, "key", shelf=shelf))
    await catalog.add_findings([of(bucket, "key", version.sequence, at=5)])
    await catalog.add_findings([of(bucket, "key", version.sequence, at=9)])
    [found] = await catalog.findings(limit=9)
    assert (found.first_ns, found.last_ns) == (5, 9)
    again = await catalog.publish(bucket, new_version(bucket, "key", shelf=shelf))
    new = of(bucket, "key", again.sequence, at=11)
    await catalog.add_findings([new])
    assert await catalog.findings(limit=9) == [new]
    await catalog.add_findings([OF_CATALOG, dataclasses.replace(OF_CATALOG, last_ns=7)])
    assert (await catalog.findings(limit=1))[0].first_ns == 1


async def test_notes_are_kept(catalog: Catalog, make: Callable[[], Catalog]) -> None:
    assert await catalog.note("scrub") is None
    await catalog.set_note("scrub", "é")
    await catalog.set_note("scrub", "there")
    await catalog.set_note("other", "x")
    other = make()
    await other.open()
    assert await other.note("scrub") == "there"
    await other.aclose()
