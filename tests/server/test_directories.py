"""Data directories: made, private, locked, and refused with cause and fix."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.server.directories import Directories, existing_catalog
from gateway.server.failure import Exit, StartError
from gateway.settings.model import Settings


def settings(root: Path, **more: Any) -> Settings:
    return Settings.model_validate(
        {"storages": {"disk": {"type": "local", "root": str(root)}}, **more}
    )


def test_the_directory_is_made_and_its_state_is_private(tmp_path: Path) -> None:
    directories = Directories(settings(tmp_path / "a" / "data"))
    state = tmp_path / "a" / "data" / ".s3front"
    assert directories.state == state
    assert directories.catalog == state / "catalog.db"
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    directories.close()


def test_a_state_that_others_can_enter_is_closed_to_them(tmp_path: Path) -> None:
    (tmp_path / ".s3front").mkdir(mode=0o755)
    Directories(settings(tmp_path)).close()
    assert stat.S_IMODE((tmp_path / ".s3front").stat().st_mode) == 0o700


def test_a_catalog_elsewhere_takes_the_keys_with_it(tmp_path: Path) -> None:
    catalog = tmp_path / "var" / "catalog.db"
    directories = Directories(settings(tmp_path / "data", catalog=f"sqlite://{catalog}"))
    assert directories.catalog == catalog
    assert directories.state == catalog.parent
    assert stat.S_IMODE(catalog.parent.stat().st_mode) == 0o700
    assert len(directories.locks) == 2
    directories.close()


def test_a_folder_for_the_catalog_that_exists_keeps_its_mode(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir(mode=0o755)
    Directories(settings(tmp_path / "data", catalog=f"{folder}/c.db")).close()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755


@pytest.mark.parametrize("kept", ["xl", "xl-single"])
def test_a_directory_of_minios_pieces_is_refused_and_left_as_it_is(
    tmp_path: Path, kept: str
) -> None:
    minio_keeps(tmp_path, {"version": "1", "format": kept, kept: {}})
    with pytest.raises(StartError, match=f"only MinIO can read .*{kept}.* mc mirror") as refused:
        Directories(settings(tmp_path))
    assert refused.value.exit is Exit.STORAGE_FAILED
    assert [path.name for path in tmp_path.iterdir()] == [".minio.sys"]


@pytest.mark.parametrize(
    "said", [{"version": "1", "format": "fs", "fs": {}}, {}, ["xl"], "no JSON"]
)
def test_what_minio_kept_as_plain_files_is_served(tmp_path: Path, said: object) -> None:
    minio_keeps(tmp_path, said)
    Directories(settings(tmp_path)).close()


def test_a_directory_that_was_served_before_is_served_whatever_minio_says(tmp_path: Path) -> None:
    Directories(settings(tmp_path)).close()
    minio_keeps(tmp_path, {"version": "1", "format": "xl-single"})
    Directories(settings(tmp_path)).close()


def minio_keeps(root: Path, said: object) -> None:
    (root / ".minio.sys").mkdir()
    text = said if isinstance(said, str) else json.dumps(said)
    (root / ".minio.sys" / "format.json").write_text(text)


def test_who_looks_for_a_catalog_is_told_why_there_is_none(tmp_path: Path) -> None:
    kept = {"s3": {"type": "webdav", "endpoint": "https://cloud.example/dav"}}
    with pytest.raises(StartError, match="'s3' is behind a network"):
        existing_catalog(Settings.model_validate({"storages": kept}), purpose="check")
    lost = Settings.model_validate({"storages": {"m": {"type": "memory"}}})
    with pytest.raises(StartError, match="outlives no server: there is nothing to check"):
        existing_catalog(lost, purpose="check")
    with pytest.raises(StartError, match="There is no catalog at") as refused:
        existing_catalog(settings(tmp_path), purpose="check")
    assert refused.value.exit == Exit.STORAGE_FAILED


def test_a_storage_behind_a_network_needs_a_catalog_on_a_disk(tmp_path: Path) -> None:
    nas = {"type": "webdav", "endpoint": "https://cloud.example/dav"}
    with pytest.raises(StartError, match="'nas' is behind a network") as refused:
        Directories(Settings.model_validate({"storages": {"nas": nas}}))
    assert 'catalog = "sqlite:///' in str(refused.value)
    assert refused.value.exit == Exit.BAD_CONFIGURATION
    catalog = f"sqlite://{tmp_path}/state/catalog.db"
    directories = Directories(
        Settings.model_validate({"storages": {"nas": nas}, "catalog": catalog})
    )
    assert directories.catalog == tmp_path / "state/catalog.db"
    directories.close()


def test_memory_leaves_nothing_behind() -> None:
    directories = Directories(Settings.model_validate({"storages": {"m": {"type": "memory"}}}))
    state = directories.state
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    directories.close()
    assert not state.exists()


def test_a_directory_is_locked_until_it_is_closed(tmp_path: Path) -> None:
    first = Directories(settings(tmp_path))
    with pytest.raises(StartError, match=rf"\(pid {os.getpid()}\) uses {tmp_path}.*Stop it"):
        Directories(settings(tmp_path))
    first.close()
    Directories(settings(tmp_path)).close()


def test_every_local_storage_is_locked(tmp_path: Path) -> None:
    two = {
        "storages": {
            "a": {"type": "local", "root": str(tmp_path / "a")},
            "b": {"type": "local", "root": str(tmp_path / "b")},
        },
        "default_storage": "a",
    }
    first = Directories(Settings.model_validate(two))
    with pytest.raises(StartError, match=str(tmp_path / "b")):
        Directories(settings(tmp_path / "b"))
    first.close()


def test_a_file_is_no_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StartError, match=r"file is not a directory. Name a directory") as caught:
        Directories(settings(tmp_path / "file"))
    assert caught.value.exit == 3


def test_a_state_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / ".s3front").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StartError, match="is a link") as caught:
        Directories(settings(tmp_path / "data"))
    assert caught.value.exit == 3


_AS_NOBODY = """
import os, sys
from gateway.server.directories import Directories
from gateway.server.failure import Exit, StartError
from gateway.settings.model import Settings
os.setgroups([]); os.setgid(65534); os.setuid(65534)
root = sys.argv[1]
try:
    Directories(Settings.model_validate({"storages": {"d": {"type": "local", "root": root}}}))
except StartError as error:
    print(int(error.exit), error)
"""


def _said_to_nobody(root: Path, tmp_path: Path) -> str:
    for folder in (*reversed(tmp_path.parents), tmp_path):
        if folder.stat().st_uid == os.geteuid() and str(folder).startswith("/tmp/"):
            folder.chmod(0o755)
    return subprocess.run(
        [sys.executable, "-c", _AS_NOBODY, str(root)],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    ).stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become someone else")
def test_a_root_behind_a_barred_directory_is_told_by_that_directory(tmp_path: Path) -> None:
    barred = tmp_path / "barred"
    barred.mkdir(mode=0o700)
    said = _said_to_nobody(barred / "deep" / "data", tmp_path)
    assert said.startswith("3 ")
    assert f"Let it pass through {barred}, or choose another directory." in said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become someone else")
def test_chown_is_not_proposed_to_the_owner(tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    os.chown(root, 65534, 65534)
    root.chmod(0o555)
    said = _said_to_nobody(root, tmp_path)
    assert f"{root} is owned by it: look at its mode" in said
    assert "chown -R" not in said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become someone else")
def test_a_root_that_is_not_ours_is_told_with_uid_and_one_line_to_fix_it(tmp_path: Path) -> None:
    root = tmp_path / "da ta"
    root.mkdir(mode=0o755)
    said = _said_to_nobody(root, tmp_path)
    assert said.startswith("3 ")
    assert "is not writable for uid 65534 (gid 65534): Permission denied." in said
    assert f"Fix: chown -R 65534:65534 '{root}'" in said
