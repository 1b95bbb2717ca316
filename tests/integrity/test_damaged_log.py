"""A bit flips in the catalog's write-ahead log while the server runs, and what its owner then does."""

from pathlib import Path

from click.testing import CliRunner

from gateway.cli.main import main
from tests.catalog.test_sqlite_damaged_log import HURT, last_frame_with
from tests.integrity.damaging import flip
from tests.integrity.test_scrub import findings, scrubbed
from tests.live.client import Client
from tests.live.server import Live, running


def fill(client: Client) -> None:
    client.make_bucket("bucket")
    for number in range(300):
        client.put("bucket", f"key-{number:04}", b"content", x_amz_meta_a="x" * 40)


def log_of(live: Live) -> Path:
    return live.root / ".s3front" / "catalog.db-wal"


def test_no_wrong_answer_no_further_write_and_a_rebuild_has_all(tmp_path: Path) -> None:
    root = tmp_path / "root"
    with running(root, durability="relaxed", scrub="false", watch="false") as live:
        client = live.client
        fill(client)
        flip(log_of(live), last_frame_with(log_of(live), HURT))
        assert client.get("bucket", HURT).code == "InternalError", "never NoSuchKey"
        assert client.get("bucket", "key-0000").body == b"content"
        refused = client.put("bucket", "key-9999", b"other")
        assert (refused.status, refused.code) == (500, "InternalError")
        assert client.get("bucket", "key-9999").code == "NoSuchKey"
    checked = CliRunner().invoke(main, ["check", str(root)])
    assert (checked.exit_code, "write-ahead log" in checked.stdout) == (1, True), "no server starts"
    rebuilt = CliRunner().invoke(main, ["rebuild", str(root)])
    assert rebuilt.exit_code == 0, rebuilt.output
    with running(root, durability="relaxed", scrub="false", watch="false") as live:
        for number in range(300):
            answer = live.client.get("bucket", f"key-{number:04}")
            assert answer.body == b"content"
            assert answer.headers["x-amz-meta-a"] == "x" * 40
        assert live.client.put("bucket", "key-9999", b"other").status == 200


def test_the_scrub_finds_it(tmp_path: Path) -> None:
    with running(tmp_path / "root", durability="relaxed", scrub="false", watch="false") as live:
        fill(live.client)
        # Of the first transactions: other frames have its page now.
        flip(log_of(live), 8 * (32 + 4120 + 24 + 2000))
        scrubbed(live)
        assert findings(live) == {("", ""): "catalog"}
