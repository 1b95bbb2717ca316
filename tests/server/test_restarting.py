"""New workers for old ones, while clients go on."""

import http.client
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.running import Running, gone, running, until
from tests.wire.raw import connected, head


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "s.toml"
    write(path)
    return path


def write(file: Path, *lines: str) -> None:
    root = file.parent / "data"
    file.write_text("\n".join([*lines, "[storages.d]", "type = 'local'", f"root = '{root}'"]))


@pytest.fixture
def server(file: Path) -> Iterator[Running]:
    with running(file.parent / "data", file=str(file)) as one:
        yield one


def pid(server: Running) -> int:
    status, text = server.get("/pid")
    assert status == 200
    return int(text)


@pytest.mark.parametrize("workers", [1, 2])
def test_each_worker_is_replaced_and_none_bootstraps_again(file: Path, workers: int) -> None:
    with running(file.parent / "data", file=str(file), workers=workers) as server:
        before = set(server.workers())
        server.restart_workers()
        after = set(server.workers())
        assert len(before) == len(after) == workers
        assert not before & after
        assert all(gone(one) for one in before)
        assert pid(server) in after
        opened = [line.split()[1] for line in (server.state / "opened").read_text().splitlines()]
        assert opened.count("True") == 1
        # The new ones are tended as the old ones were.
        os.kill(next(iter(after)), signal.SIGKILL)
        until(lambda: len(set(server.workers()) - after) == 1)
        assert server.stop() == 0


def test_a_request_in_flight_is_finished_while_the_new_worker_serves(server: Running) -> None:
    old = server.workers()[0]
    answers: list[tuple[int, str]] = []
    thread = threading.Thread(target=lambda: answers.append(server.get("/wait")))
    thread.start()
    until((server.state / "waiting").exists)
    server.process.send_signal(signal.SIGUSR2)
    until(lambda: pid(server) != old)
    assert not gone(old)
    assert server.events("workers restarted") == []
    (server.state / "go").touch()
    thread.join()
    assert answers == [(200, "waited")]
    until(lambda: server.events("workers restarted") != [])
    assert gone(old)


def test_a_request_that_takes_too_long_is_cut_at_the_deadline(file: Path) -> None:
    write(file, "drain_seconds = 0.3")
    with running(file.parent / "data", file=str(file)) as server:
        answers: list[object] = []

        def wait() -> None:
            try:
                answers.append(server.get("/wait"))
            except (OSError, http.client.HTTPException) as error:
                answers.append(error)

        thread = threading.Thread(target=wait)
        thread.start()
        until((server.state / "waiting").exists)
        server.restart_workers()
        thread.join()
        assert isinstance(answers[0], Exception)
        assert pid(server) in server.workers()


def test_a_kept_connection_gets_a_last_answer_that_says_so(server: Running) -> None:
    old = server.workers()[0]
    request = head("GET", "/pid", {"Host": f"127.0.0.1:{server.port}"})
    with connected(server.port) as raw:
        raw.send(request)
        assert "connection" not in raw.reply().headers
        server.process.send_signal(signal.SIGUSR2)
        until(lambda: pid(server) != old)
        answers = []

        def was_the_last() -> bool:
            # Told to stop only once its successor is there, it answers as before until then.
            raw.send(request)
            answers.append(raw.reply())
            return "connection" in answers[-1].headers

        until(was_the_last)
        assert {int(reply.body) for reply in answers} == {old}
        assert answers[-1].header("connection") == "close"
        assert raw.is_closed()
    until(lambda: server.events("workers restarted") != [])


def test_new_workers_have_the_settings_that_a_reload_cannot_take(
    file: Path, server: Running
) -> None:
    write(file, "region = 'eu-west-1'", "drain_seconds = 5", "max_headers = 40", "workers = 3")
    server.restart_workers()
    needs = server.events("these settings changed and need a restart")
    assert [line["settings"] for line in needs] == [["workers"]]
    with connected(server.port) as raw:
        lines = [f"x-{number}: 1" for number in range(50)]
        raw.send(head("GET", "/pid", {"Host": f"127.0.0.1:{server.port}"}, *lines))
        assert raw.reply().code == "RequestHeaderSectionTooLarge"


def test_settings_that_cannot_be_used_leave_the_workers_alone(file: Path, server: Running) -> None:
    before = server.workers()
    write(file, "region = 'NOT ONE'")
    server.process.send_signal(signal.SIGUSR2)
    until(lambda: server.events("settings not reloaded") != [])
    assert pid(server) in before
    assert server.workers() == before


def test_a_new_worker_that_cannot_start_leaves_the_old_one_serving(
    file: Path, server: Running
) -> None:
    before = server.workers()
    write(file, "region = 'refuse'")
    server.process.send_signal(signal.SIGUSR2)
    event = "the restart is given up and the other workers serve on"
    until(lambda: server.events(event) != [])
    assert "storages.disk: refused. Fix it." in server.events(event)[0]["cause"]
    until(lambda: server.workers() == before)
    assert pid(server) in before
    write(file, "region = 'eu-west-1'")
    server.restart_workers()
    assert pid(server) not in before


def test_what_is_held_in_memory_cannot_be_restarted(file: Path) -> None:
    file.write_text("[storages.m]\ntype = 'memory'\n")
    with running(file.parent / "data", file=str(file)) as server:
        before = pid(server)
        server.process.send_signal(signal.SIGUSR2)
        until(lambda: "in the worker's memory" in server.log)
        assert pid(server) == before


def test_an_order_to_stop_goes_before_a_restart(server: Running) -> None:
    server.process.send_signal(signal.SIGUSR2)
    until(lambda: server.events("restarting workers") != [])
    assert server.stop() == 0
    assert server.events("workers restarted") == []


def test_a_reload_brings_new_limits_to_new_connections(file: Path, server: Running) -> None:
    request = head("GET", "/pid", {"Host": f"127.0.0.1:{server.port}"})
    with connected(server.port) as old:
        old.send(request)
        assert old.reply().status == 200
        write(file, "idle_seconds = 0.2")
        server.process.send_signal(signal.SIGHUP)

        def closed_when_idle() -> bool:
            with connected(server.port) as new:
                new.socket.settimeout(1)
                new.send(request)
                assert new.reply().status == 200
                try:
                    return new.is_closed()
                except TimeoutError:
                    return False

        until(closed_when_idle)
        old.send(request)
        assert old.reply().status == 200


def test_counters_go_on_through_restarts(file: Path) -> None:
    with running(file.parent / "data", file=str(file), metrics_address="127.0.0.1:0") as server:

        def counted() -> float:
            _, text = server.get("/metrics", base=f"http://{server.metrics}")
            name = 's3front_s3_requests_total{operation="Tiny",status="200"} '
            found = [line for line in text.splitlines() if line.startswith(name)]
            return float(found[0].removeprefix(name)) if found else 0

        for round_ in range(1, 4):
            for _ in range(5):
                pid(server)
            until(lambda: counted() == 5 * round_)  # noqa: B023 - called at once
            server.restart_workers()
        assert counted() == 15
