"""What a gateway adds to an upstream, as the bench of upstreams tells it."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench.peers.kinds import Kind
from bench.peers.processes import Running, new_place
from bench.upstreams.measuring import Sample
from bench.upstreams.servers import UPSTREAMS, front_of
from bench.upstreams.summary import LEAST_SHARE, MOST_US, lines, table

SAMPLE = Sample(
    row="get-4k",
    upstream="webdav",
    way="direct",
    round=1,
    clients=16,
    ops=100,
    errors=0,
    seconds=1.0,
    upstream_us_per_op=20.0,
    ops_per_s=1000.0,
)
THROUGH = replace(
    SAMPLE, way="through", upstream_us_per_op=50.0, gateway_us_per_op=MOST_US, ops_per_s=500.0
)


def test_a_line_has_the_medians_of_its_rounds() -> None:
    samples = [
        *(replace(SAMPLE, upstream_us_per_op=us) for us in (30.0, 10.0, 20.0)),
        *(replace(THROUGH, gateway_us_per_op=us) for us in (300.0, 100.0, 200.0)),
    ]
    (line,) = lines(samples)
    assert (line.alone_us, line.behind_us) == (20.0, 50.0)
    assert (line.least_us, line.gateway_us, line.most_us) == (100.0, 200.0, 300.0)
    assert line.share == 0.5


def test_small_operations_have_a_bar_of_processor_time_and_large_ones_of_the_rate() -> None:
    large = replace(SAMPLE, row="get-64m")
    large_through = replace(THROUGH, row="get-64m", gateway_us_per_op=100_000.0)
    for gateway_us, rate, met in (
        (MOST_US, LEAST_SHARE * 1000, [True, True]),
        (MOST_US + 1, LEAST_SHARE * 1000 - 1, [False, False]),
    ):
        samples = [
            *(SAMPLE, replace(THROUGH, gateway_us_per_op=gateway_us)),
            *(large, replace(large_through, ops_per_s=rate)),
        ]
        made = lines(samples)
        assert [line.is_met for line in made] == met
        assert table(made).count("**no**") == met.count(False)


def test_what_was_not_measured_both_ways_is_left_out() -> None:
    assert lines([SAMPLE, replace(THROUGH, row="head-4k"), replace(THROUGH, ops=0)]) == []


@pytest.mark.parametrize("name", list(UPSTREAMS))
def test_the_settings_of_the_gateway_are_accepted(name: str, tmp_path: Path) -> None:
    upstream = UPSTREAMS[name]
    (tmp_path / "upstream").mkdir()
    (tmp_path / "front").mkdir()
    nowhere = Path(sys.executable)
    server = Running(
        kind=upstream.kind, place=new_place(tmp_path / "upstream", nowhere), pid=1, start_s=0
    )
    kind: Kind = front_of(upstream, server)
    place = new_place(tmp_path / "front", nowhere.with_name("s3front"))
    kind.prepare(place)
    program, serve, *options = kind.command(place)
    assert serve == "serve"
    done = subprocess.run(
        [program, "config", "check", *options],
        env=dict(kind.environment(place)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_the_webdav_server_takes_its_configuration(tmp_path: Path) -> None:
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin")
    assert program is not None, "nginx is missing: deploy/packages/install-clients.sh installs it"
    kind = UPSTREAMS["webdav"].kind
    place = new_place(tmp_path, Path(program))
    kind.prepare(place)
    done = subprocess.run([*kind.command(place), "-t"], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
