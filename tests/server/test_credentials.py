"""Keys are generated once, kept for their owner only, and shown by nothing."""

import configparser
import stat
import threading
from pathlib import Path

import pytest

from gateway.access.credentials import Credentials, CredentialsError, Kept, keep


def test_keys_are_generated_once_with_mode_0600(tmp_path: Path) -> None:
    first = keep(tmp_path)
    assert first.generated
    assert not first.tightened, "it was never readable by others"
    assert stat.S_IMODE(first.file.stat().st_mode) == 0o600
    again = keep(tmp_path)
    assert not again.generated
    assert again.credentials == first.credentials
    assert [file.name for file in tmp_path.iterdir()] == ["credentials"]


def test_the_file_is_one_that_aws_reads(tmp_path: Path) -> None:
    kept = keep(tmp_path)
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(kept.file)
    assert parser["default"]["aws_access_key_id"] == kept.credentials.root_access_key
    assert parser["default"]["aws_secret_access_key"] == kept.credentials.root_secret_key
    assert len(kept.credentials.root_access_key) == 20
    assert len(kept.credentials.root_secret_key) == 40


def test_two_folders_have_two_keys(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert keep(tmp_path / "a").credentials != keep(tmp_path / "b").credentials


def test_of_many_at_once_one_generates_and_all_agree(tmp_path: Path) -> None:
    found: list[Kept] = []
    barrier = threading.Barrier(8)

    def start() -> None:
        barrier.wait()
        found.append(keep(tmp_path))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert sum(kept.generated for kept in found) == 1
    assert len({kept.credentials for kept in found}) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["credentials"]


def test_a_file_that_others_can_read_is_tightened(tmp_path: Path) -> None:
    kept = keep(tmp_path)
    kept.file.chmod(0o644)
    again = keep(tmp_path)
    assert again.tightened
    assert stat.S_IMODE(kept.file.stat().st_mode) == 0o600
    assert not keep(tmp_path).tightened


@pytest.mark.parametrize(
    "text", ["", "[default]\n", "nonsense", "[default]\naws_access_key_id=a\n"]
)
def test_a_file_without_keys_is_refused_and_left_as_it_is(tmp_path: Path, text: str) -> None:
    file = tmp_path / "credentials"
    file.write_text(text)
    with pytest.raises(CredentialsError, match=r"credentials holds no usable pair.*move it away"):
        keep(tmp_path)
    assert file.read_text() == text


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("[default]\naws_access_key_id=abc\naws_secret_access_key=12345678\n")
    folder = tmp_path / "state"
    folder.mkdir()
    (folder / "credentials").symlink_to(target)
    with pytest.raises(OSError, match="symbolic links"):
        keep(folder)


def test_only_the_root_key_has_a_secret_and_no_repr_shows_it() -> None:
    credentials = Credentials(root_access_key="admin", root_secret_key="very-secret")
    assert credentials.secret("admin") == "very-secret"
    assert credentials.secret("Admin") is None
    assert credentials.secret("") is None
    assert "very-secret" not in repr(credentials)
    assert len(credentials.owner_id) == 64
