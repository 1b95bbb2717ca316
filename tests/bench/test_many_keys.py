"""Catalogs loaded in bulk, and what is reckoned from them."""

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.asking import list_keys
from bench.generator import Target
from bench.keys.command import keys
from bench.keys.extrapolation import Files, Step, extrapolated, markdown
from bench.keys.loading import catalog_of, multiply
from bench.peers.loaded import KEYS_BUCKET, first_key
from bench.peers.processes import new_place, started
from bench.peers.servers import WITH_KEYS, our_program
from gateway.catalog.sqlite.connection import open_reader


def step(count: int, *, a_key: int = 200, page: float = 1000.0) -> Step:
    return Step(
        keys=count,
        catalog_bytes=count * a_key,
        start_ms=500.0,
        page_us=page,
        put_us=300.0,
        head_us=40.0,
        worker_rss_mib=60.0,
    )


def test_bytes_grow_with_the_keys_and_times_with_their_tens() -> None:
    far = extrapolated([step(1_000_000), step(3_000_000), step(10_000_000, page=1100.0)])
    assert far.keys == 100_000_000
    assert far.catalog_bytes == 100_000_000 * 200
    assert far.page_us == pytest.approx(1200.0)
    assert far.head_us == 40.0


def test_what_a_catalog_has_without_keys_does_not_grow() -> None:
    first, last = step(1000), step(2000)
    first = replace(first, catalog_bytes=50_000 + 1000 * 200)
    last = replace(last, catalog_bytes=50_000 + 2000 * 200)
    assert extrapolated([first, last], 10_000).catalog_bytes == 50_000 + 10_000 * 200


def test_what_became_faster_is_not_reckoned_to_become_faster_still() -> None:
    assert extrapolated([step(1_000_000, page=1100.0), step(10_000_000)]).page_us == 1000.0


def test_the_page_says_what_disk_a_hundred_million_need() -> None:
    text = markdown(
        [step(1_000_000), step(10_000_000)], Files(allocated=4096.0, folder=64.0, objects=500)
    )
    assert "| 100,000,000, extrapolated | 18.63 GiB | 200 |" in text
    assert "need 411 GiB and as many inodes (`mkfs.ext4 -i 4096`" in text


def test_a_loaded_catalog_is_one_the_server_serves(tmp_path: Path) -> None:
    place = new_place(tmp_path, our_program())
    first_key(WITH_KEYS, place)
    multiply(place.data, KEYS_BUCKET, 700)
    multiply(place.data, KEYS_BUCKET, 1500)
    reader = open_reader(catalog_of(place.data))
    etags = reader.execute("SELECT count(*), count(DISTINCT etag) FROM objects").get
    reader.close()
    assert etags == (1500, 1500)
    with started(WITH_KEYS, place):
        target = Target(
            host="127.0.0.1",
            port=place.port,
            bucket=KEYS_BUCKET,
            region="us-east-1",
            access_key=place.access_key,
            secret_key=place.secret_key,
        )
        assert list_keys(target, after="obj-00000499") == [
            f"obj-{number:08d}" for number in range(500, 1500)
        ]


@pytest.mark.parametrize("millions", ["1", "3,1", "1,1", "one,two", "0,1"])
def test_sizes_must_rise(millions: str) -> None:
    assert CliRunner().invoke(keys, ["--millions", millions]).exit_code == 2
