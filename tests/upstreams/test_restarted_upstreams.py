"""The real server behind S3front is ended suddenly, in the midst of everything, and begins again: what clients
see fits one order, what was acknowledged is there, and nothing is torn."""

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import botocore.exceptions
import pytest

from tests.clients.boto import client as boto_client
from tests.clients.endpoint import Endpoint
from tests.linearizable.checker import all_impossible
from tests.linearizable.clients import ClientOfKeys, Load
from tests.linearizable.workers import Workers
from tests.live.client import ACCESS_KEY, REGION, SECRET_KEY
from tests.seeds import seed
from tests.server.running import until
from tests.upstreams.fronting import fronting
from tests.upstreams.midst import Midst, put_large
from tests.upstreams.restarting import UPSTREAMS, Upstream

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

MIB = 1024**2
PART = 5 * MIB
PATIENT = {"mode": "legacy", "total_max_attempts": 9}
"""As an SDK does by itself, for longer. The mode "standard" has a purse for all its attempts, which so many
restarts empty."""


def restart(
    upstream: Upstream,
    lost: Callable[[], int],
    going_on: Callable[[], bool] = lambda: True,
    ended: Callable[[], None] = lambda: None,
) -> None:
    """End it, and begin it again once somebody has met nothing. ``ended``: what is done meanwhile."""
    before = lost()
    upstream.end()
    ended()
    try:
        until(lambda: lost() > before or not going_on(), seconds=120)
    finally:
        upstream.begin()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["nginx", "s3"])
def test_what_clients_see_is_linearizable(tmp_path: Path, name: str) -> None:
    check_order(tmp_path, name, restarts=3, acts=30)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", UPSTREAMS)
def test_it_is_so_for_long(tmp_path: Path, name: str) -> None:
    check_order(tmp_path, name, restarts=12, acts=300)


def check_order(folder: Path, name: str, *, restarts: int, acts: int) -> None:
    with UPSTREAMS[name]() as upstream, fronting(folder, upstream.settings) as server:
        server.client.make_bucket("shared")
        load = Load(client=server.client, bucket="shared", seed=seed("load"), acts=acts)
        running = threading.Thread(target=load.run)
        running.start()
        whole = load.clients * load.acts
        try:
            for number in range(restarts):
                share = whole * (number + 1) // (restarts + 1)
                until(lambda share=share: load.done >= share or not running.is_alive(), seconds=900)  # type: ignore[misc]
                restart(upstream, lambda: load.lost, running.is_alive)
        finally:
            running.join()
        assert load.done == whole
        assert load.lost > 0
        last = ClientOfKeys(server.client, "shared", "last", Random(1))
        last.look_at_all()
        assert last.lost == 0
        wrong = all_impossible([*load.history, *last.seen])
        assert not wrong, "\n".join(f"{key!r}: {verdict}" for key, verdict in wrong.items())


class Writer(threading.Thread):
    """Writes one key again and again, whole or in parts, as an SDK does, and reads it.

    ``failed``: what it was refused with.
    """

    def __init__(
        self, server: Workers, key: str, size: int, *, in_parts: bool, patient: bool = False
    ) -> None:
        super().__init__(name=key)
        self.key = key
        self.size = size
        self.acknowledged = 0
        self.failed: list[str] = []
        self.wrong: list[str] = []
        self._tried = 0
        self._in_parts = in_parts
        self._retries = PATIENT if patient else {"total_max_attempts": 1}
        self._ending = threading.Event()
        self._endpoint = endpoint_of(server)

    def end(self) -> None:
        self._ending.set()
        self.join()

    def run(self) -> None:
        with boto_client(self._endpoint, retries=self._retries) as s3:
            while not self._ending.is_set():
                self._tried += 1
                with suppress(botocore.exceptions.ClientError):
                    self._noted(self._put_parts if self._in_parts else self._put, s3)
                    self.acknowledged = self._tried
                with suppress(botocore.exceptions.ClientError, *CUT_OFF):
                    self._noted(self.look, s3)

    def look(self, s3: "S3Client") -> None:
        """Read it whole: it is what was acknowledged last, or what was tried since."""
        if not self.acknowledged:
            return
        body = s3.get_object(Bucket="shared", Key=self.key)["Body"].read()
        possible = {
            number: self.data(number) for number in range(self.acknowledged, self._tried + 1)
        }
        if body not in possible.values():
            self.wrong.append(f"{len(body)} bytes that begin {body[:40]!r}")

    def data(self, number: int) -> bytes:
        """What is written then."""
        return Random(f"{self.key}/{number}").randbytes(self.size)

    def _noted(self, act: Callable[["S3Client"], None], s3: "S3Client") -> None:
        try:
            act(s3)
        except botocore.exceptions.ClientError as error:
            self.failed.append(error.response["Error"]["Code"])
            raise

    def _put(self, s3: "S3Client") -> None:
        s3.put_object(Bucket="shared", Key=self.key, Body=self.data(self._tried))

    def _put_parts(self, s3: "S3Client") -> None:
        data, key = self.data(self._tried), self.key
        upload = s3.create_multipart_upload(Bucket="shared", Key=key)["UploadId"]
        parts: list[CompletedPartTypeDef] = []
        for at in range(0, len(data), PART):
            number = 1 + at // PART
            body = data[at : at + PART]
            part = s3.upload_part(
                Bucket="shared", Key=key, UploadId=upload, PartNumber=number, Body=body
            )
            parts.append({"PartNumber": number, "ETag": part["ETag"]})
        s3.complete_multipart_upload(
            Bucket="shared", Key=key, UploadId=upload, MultipartUpload={"Parts": parts}
        )


CUT_OFF = (
    botocore.exceptions.ResponseStreamingError,
    botocore.exceptions.IncompleteReadError,
)
"""How an SDK sees an answer that was cut off: never as a whole one."""


def endpoint_of(server: Workers) -> Endpoint:
    return Endpoint(
        url=f"http://127.0.0.1:{server.client.port}",
        access_key=ACCESS_KEY,
        secret_key=SECRET_KEY,
        region=REGION,
        domain=None,
        is_s3front=True,
    )


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["apache", "s3"])
def test_what_is_acknowledged_is_there_and_nothing_is_torn(tmp_path: Path, name: str) -> None:
    check_acknowledged(tmp_path, name, restarts=2)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", UPSTREAMS)
def test_for_long_what_is_acknowledged_is_there(tmp_path: Path, name: str) -> None:
    check_acknowledged(tmp_path, name, restarts=40)


def check_acknowledged(folder: Path, name: str, *, restarts: int, **broken: str) -> None:
    with UPSTREAMS[name]() as upstream, fronting(folder, upstream.settings, **broken) as server:
        server.client.make_bucket("shared")
        put_large(server.client)
        writers = [
            *(Writer(server, f"whole {n}", 3000 + n * MIB, in_parts=False) for n in range(2)),
            Writer(server, "parts", 11 * MIB + 1, in_parts=True),
        ]
        patient = Writer(server, "patient", 11 * MIB, in_parts=True, patient=True)
        writers.append(patient)
        for writer in writers:
            writer.start()
        wrong: list[str] = []
        try:
            for number in range(restarts):
                before = [writer.acknowledged for writer in writers]
                until(
                    lambda before=before: all(  # type: ignore[misc]
                        writer.acknowledged > then or not writer.is_alive()
                        for writer, then in zip(writers, before, strict=True)
                    ),
                    seconds=120,
                )
                midst = Midst(server.client, number)
                restart(
                    upstream,
                    lambda: sum(len(each.failed) for each in writers),
                    ended=midst.go_on,
                )
                wrong += midst.judged()
        finally:
            for writer in writers:
                writer.end()
        with boto_client(endpoint_of(server)) as s3:
            for writer in writers:
                writer.look(s3)
        wrong += [f"{writer.key}: {one}" for writer in writers for one in writer.wrong]
        assert not wrong, wrong
        codes = {code for writer in writers for code in writer.failed}
        print(
            f"{name}: {[writer.acknowledged for writer in writers]} written, refused with {codes}"
        )
        assert codes <= {"ServiceUnavailable", "SlowDown"}
        assert patient.failed == []
        assert all(writer.acknowledged >= restarts for writer in writers)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("name", "broken", "found"),
    [
        ("s3", "taking_silence_for_yes", "acknowledged (and|part) is not there"),
        ("s3", "taking_a_cut_answer_for_whole", "a reading has other bytes"),
        ("s3", "dropping_what_failed", "a part was answered 404"),
    ],
)
def test_a_gateway_that_is_wrong_about_it_would_be_found(
    tmp_path: Path, name: str, broken: str, found: str
) -> None:
    with pytest.raises(AssertionError, match=found):
        check_midst(tmp_path, name, factory=f"tests.upstreams.broken_gateways:build_{broken}")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["nginx", "s3"])
def test_what_is_half_done_when_it_ends_is_told_truly(tmp_path: Path, name: str) -> None:
    check_midst(tmp_path, name)


def check_midst(folder: Path, name: str, **broken: str) -> None:
    with UPSTREAMS[name]() as upstream, fronting(folder, upstream.settings, **broken) as server:
        server.client.make_bucket("shared")
        put_large(server.client)
        midst = Midst(server.client, 0)
        upstream.end()
        midst.go_on()
        upstream.begin()
        wrong = midst.judged()
        assert not wrong, wrong
