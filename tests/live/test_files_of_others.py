"""Files that somebody else put under the root are theirs while nobody watches for them."""

from pathlib import Path

from tests.live.server import running


def test_a_foreign_file_is_neither_overwritten_nor_deleted(tmp_path: Path) -> None:
    root = tmp_path / "root"
    foreign = root / "photos" / "2026" / "cat.jpg"
    foreign.parent.mkdir(parents=True)
    foreign.write_bytes(b"precious")
    with running(root, durability="relaxed", watch="false") as live:
        assert live.client.get("photos", "2026/cat.jpg").status == 404
        assert live.client.put("photos", "2026/cat.jpg", b"new").status == 200
        assert live.client.get("photos", "2026/cat.jpg").body == b"new"
        assert foreign.read_bytes() == b"precious"
        assert live.client.put("photos", "2026/cat.jpg", b"newer").status == 200
        assert live.client.delete("photos", "2026/cat.jpg").status == 204
        assert live.client.get("photos", "2026/cat.jpg").status == 404
    assert foreign.read_bytes() == b"precious"


def test_an_own_file_is_replaced_in_place(tmp_path: Path) -> None:
    root = tmp_path / "root"
    with running(root, durability="relaxed") as live:
        live.client.make_bucket("photos")
        live.client.put("photos", "cat.jpg", b"one")
        live.client.put("photos", "cat.jpg", b"two")
        assert (root / "photos" / "cat.jpg").read_bytes() == b"two"
