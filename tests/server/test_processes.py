"""The parent and its workers, as real processes."""

import http.client
import json
import os
import resource
import signal
import socket
import stat
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.server.running import Running, gone, running, until


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


def reopened(server: Running, times: int) -> list[list[str]]:
    """What the workers wrote when they opened: pid and whether each was the first."""
    log = server.state / "opened"
    until(lambda: len(log.read_text().splitlines()) >= times)
    return [line.split() for line in log.read_text().splitlines()]


def waiting_get(server: Running, answers: list[tuple[int, str]]) -> threading.Thread:
    """Start a request that is in flight when this returns."""
    thread = threading.Thread(target=lambda: answers.append(server.get("/wait")))
    thread.start()
    until((server.state / "waiting").exists)
    return thread


def test_it_serves_and_keeps_its_state_private(folder: Path) -> None:
    with running(folder) as server:
        assert server.get("/pid") == (200, str(server.workers()[0]))
        assert server.get("/-/live") == (200, "live\n")
        assert server.get("/-/ready") == (200, "ready\n")
        assert stat.S_IMODE(server.state.stat().st_mode) == 0o700
        assert stat.S_IMODE((server.state / "credentials").stat().st_mode) == 0o600
        assert server.stop() == 0
        assert (server.state / "closed").exists()
        lines = [json.loads(line) for line in server.log.splitlines()]
        assert next(line["path"] for line in lines if line["event"] == "request") == "/pid"


def test_the_secret_is_printed_once(folder: Path) -> None:
    with running(folder) as server:
        credentials = (server.state / "credentials").read_text()
        secret = credentials.split("aws_secret_access_key = ")[1].strip()
        assert secret in server.banner
        assert f"aws --endpoint-url {server.endpoint} s3 ls" in server.banner
        assert "\x1b" not in server.banner
        assert server.stop() == 0
        assert secret not in server.log
    with running(folder) as server:
        assert (server.state / "credentials").read_text() == credentials
        assert secret not in server.banner
        assert f"AWS_SHARED_CREDENTIALS_FILE={server.state}/credentials" in server.banner


def test_a_secret_is_in_no_argument_and_no_environment(folder: Path) -> None:
    with running(folder) as server:
        secret = (server.state / "credentials").read_text().rsplit(" ", 1)[1].strip().encode()
        for pid in [server.process.pid, *server.workers()]:
            assert secret not in Path(f"/proc/{pid}/cmdline").read_bytes()
            assert secret not in Path(f"/proc/{pid}/environ").read_bytes()


def test_given_keys_are_neither_kept_nor_handed_on_in_the_environment(folder: Path) -> None:
    given = {"S3FRONT_ROOT_ACCESS_KEY": "admin", "S3FRONT_ROOT_SECRET_KEY": "very-secret"}
    with running(folder, variables=given) as server:
        assert not (server.state / "credentials").exists()
        assert "very-secret" not in server.banner
        assert b"very-secret" not in Path(f"/proc/{server.workers()[0]}/environ").read_bytes()


def test_a_second_server_on_the_same_directory_is_refused(folder: Path) -> None:
    with running(folder) as server, running(folder) as second:
        assert second.process.wait(20) == 1
        assert f"Another S3front (pid {server.process.pid}) uses {folder}" in second.log
        assert "Stop it, or serve another directory" in second.log
        assert server.get("/-/ready")[0] == 200


def test_workers_keep_the_lock_when_the_parent_was_killed(folder: Path) -> None:
    with running(folder) as server:
        answers: list[tuple[int, str]] = []
        thread = waiting_get(server, answers)
        worker = server.workers()[0]
        server.process.kill()
        server.process.wait()
        with running(folder) as second:
            assert second.process.wait(20) == 1
            assert "Another S3front" in second.log
        assert not gone(worker)
        (server.state / "go").touch()
        thread.join()
        # The request in flight was answered, then the orphan ended by itself.
        assert answers == [(200, "waited")]
        until(lambda: gone(worker))


def test_a_port_in_use_is_named_with_a_way_out(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with running(folder, address=f"127.0.0.1:{port}") as server:
            assert server.process.wait(20) == 2
            assert f"cannot listen on 127.0.0.1:{port}: port {port} is in use" in server.log
            assert "--address" in server.log
        assert not (folder / ".s3front" / "credentials").exists()


def test_a_port_shared_by_another_server_of_ours_is_in_use(tmp_path: Path) -> None:
    with running(tmp_path / "one") as one:
        port = urlsplit(one.endpoint).port
        with running(tmp_path / "two", address=f"127.0.0.1:{port}") as two:
            assert two.process.wait(20) == 2
            assert f"port {port} is in use" in two.log


def test_an_application_that_cannot_open_ends_the_server(folder: Path) -> None:
    with running(folder, region="refuse", workers=3) as server:
        assert server.process.wait(20) == 3
        assert "storages.disk: refused. Fix it." in server.log
        assert len((server.state / "tried").read_text().splitlines()) == 1


def test_requests_in_flight_are_finished_on_sigterm(folder: Path) -> None:
    with running(folder) as server:
        answers: list[tuple[int, str]] = []
        thread = waiting_get(server, answers)
        server.process.send_signal(signal.SIGTERM)
        url = urlsplit(server.endpoint)

        def refused() -> bool:
            try:
                server.get("/-/live")
            except OSError:
                return True
            except http.client.HTTPException:
                return True
            return False

        until(refused)
        assert url.port is not None
        assert server.process.poll() is None
        (server.state / "go").touch()
        thread.join()
        assert answers == [(200, "waited")]
        assert server.process.wait(20) == 0


def test_ctrl_c_reaches_all_processes_and_still_drains(folder: Path) -> None:
    with running(folder) as server:
        answers: list[tuple[int, str]] = []
        thread = waiting_get(server, answers)
        for pid in [*server.workers(), server.process.pid]:
            os.kill(pid, signal.SIGINT)
        until(lambda: '"draining"' in server.log)
        (server.state / "go").touch()
        thread.join()
        assert answers == [(200, "waited")]
        assert server.process.wait(20) == 0


def test_an_impatient_second_signal_ends_it_at_once(folder: Path) -> None:
    with running(folder) as server:
        answers: list[tuple[int, str]] = []
        thread = threading.Thread(target=lambda: failing_get(server, answers))
        thread.start()
        until((server.state / "waiting").exists)
        server.process.send_signal(signal.SIGINT)

        def ended() -> bool:
            server.process.send_signal(signal.SIGINT)
            return server.process.poll() is not None

        until(ended)
        thread.join()
        assert "stopping at once" in server.log
        assert answers == [(0, "")]


def failing_get(server: Running, answers: list[tuple[int, str]]) -> None:
    try:
        answers.append(server.get("/wait"))
    except (OSError, http.client.HTTPException):
        answers.append((0, ""))


def test_the_drain_has_a_deadline(folder: Path) -> None:
    with running(folder, drain_seconds=0.2) as server:
        url = urlsplit(server.endpoint)
        connection = http.client.HTTPConnection(str(url.hostname), url.port, timeout=30)
        connection.request("GET", "/wait")
        until((server.state / "waiting").exists)
        assert server.stop() == 0
        with pytest.raises((OSError, http.client.HTTPException)):
            connection.getresponse()
        connection.close()


def test_a_dead_worker_is_started_again_and_recovers_if_it_was_alone(folder: Path) -> None:
    with running(folder) as server:
        before = server.workers()[0]
        os.kill(before, signal.SIGKILL)
        opened = reopened(server, 2)
        assert [first for _, first in opened] == ["True", "True"]
        assert int(opened[1][0]) != before
        until(lambda: '"worker died"' in server.log)
        assert server.stop() == 0


def test_of_several_workers_only_the_first_bootstraps(folder: Path) -> None:
    with running(folder, workers=2) as server:
        assert sorted(first for _, first in reopened(server, 2)) == ["False", "True"]
        answered: set[str] = set()

        def both_answered() -> bool:
            answered.add(server.get("/pid")[1])
            return len(answered) == 2

        until(both_answered)
        # One dies while the other serves: nothing may be recovered under a living writer.
        os.kill(server.workers()[0], signal.SIGKILL)
        assert reopened(server, 3)[2][1] == "False"
        assert server.stop() == 0


def test_a_memory_storage_ends_with_its_worker(tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_text("[storages.m]\ntype = 'memory'\n")
    with running(tmp_path / "data", file=str(file)) as server:
        os.kill(server.workers()[0], signal.SIGKILL)
        assert server.process.wait(20) == 1
        assert "held in memory is lost" in server.log


def test_ready_tells_a_broken_catalog(folder: Path) -> None:
    with running(folder) as server:
        (server.state / "broken").touch()
        assert server.get("/-/ready")[0] == 503
        assert server.get("/-/live")[0] == 200


def test_sighup_takes_over_what_can_be_and_names_what_cannot(tmp_path: Path) -> None:
    file = tmp_path / "s.toml"

    def write(level: str, region: str) -> None:
        file.write_text(
            f"log_level = '{level}'\nregion = '{region}'\n"
            f"[storages.d]\ntype = 'local'\nroot = '{tmp_path}/data'\n"
        )

    write("warning", "us-east-1")
    with running(tmp_path / "data", file=str(file)) as server:
        assert "settings reloaded" not in server.log
        write("debug", "eu-west-1")
        server.process.send_signal(signal.SIGHUP)
        until(lambda: "settings reloaded" in server.log)
        assert '"these settings changed and need a restart"' in server.log
        assert '"settings": ["region"]' in server.log
        write("nonsense", "eu-west-1")
        server.process.send_signal(signal.SIGHUP)
        until(lambda: "settings not reloaded" in server.log)
        assert "log_level in " in server.log
        assert server.get("/-/ready")[0] == 200


def test_metrics_of_two_workers_add_up_and_survive_one(folder: Path) -> None:
    with running(folder, workers=2, metrics_address="127.0.0.1:0") as server:
        pids: dict[str, int] = {}
        requests = 0
        while len(pids) < 2 or min(pids.values()) < 3:
            status, pid = server.get("/pid")
            assert status == 200
            pids[pid] = pids.get(pid, 0) + 1
            requests += 1
            assert requests < 500

        def counted() -> float:
            _, text = server.get("/metrics", base=f"http://{server.metrics}")
            name = 's3front_s3_requests_total{operation="Tiny",status="200"} '
            found = [line for line in text.splitlines() if line.startswith(name)]
            return float(found[0].removeprefix(name)) if found else 0

        until(lambda: counted() == requests)
        os.kill(int(next(iter(pids))), signal.SIGKILL)
        reopened(server, 3)
        assert counted() == requests
        assert server.stop() == 0


def test_workers_may_open_as_many_files_as_the_system_allows(folder: Path) -> None:
    with running(folder) as server:
        limits = Path(f"/proc/{server.workers()[0]}/limits").read_text()
        line = next(line for line in limits.splitlines() if line.startswith("Max open files"))
        soft, hard = line.split()[3:5]
        assert soft == hard == str(resource.getrlimit(resource.RLIMIT_NOFILE)[1])


def test_no_worker_finds_modules_in_the_current_folder(folder: Path) -> None:
    with running(folder) as server:
        environ = Path(f"/proc/{server.workers()[0]}/environ").read_bytes().split(b"\0")
        path = next(item for item in environ if item.startswith(b"PYTHONPATH="))
        assert all(part.startswith(b"/") for part in path.removeprefix(b"PYTHONPATH=").split(b":"))
        assert b"-P" in Path(f"/proc/{server.workers()[0]}/cmdline").read_bytes().split(b"\0")


def test_a_client_of_ipv4_has_its_own_address_in_the_log_of_all_interfaces(tmp_path: Path) -> None:
    with running(tmp_path / "data", address=":0", factory="gateway.server.build:build") as server:
        assert server.get("/-/live")[0] == 200
        until(lambda: bool(server.events("request")))
        assert server.events("request")[0]["peer"] == "127.0.0.1"
