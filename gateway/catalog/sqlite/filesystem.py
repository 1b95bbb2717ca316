"""Where a catalog may lie. SQLite's WAL needs memory shared by all processes that use the file, and
working locks: no network file system gives both (https://sqlite.org/wal.html, "Disadvantages")."""

import os
from pathlib import Path

from gateway.catalog.errors import CatalogUnavailable

_NETWORK = frozenset(
    {
        "9p",
        "acfs",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "coda",
        "gfs2",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "orangefs",
        "pvfs2",
        "smb3",
        "smbfs",
        "vboxsf",
        "vmhgfs",
    }
)
# FUSE names the program behind it. Those not known to keep their files on this machine are refused.
_LOCAL_FUSE = frozenset(
    {
        "bindfs",
        "cryfs",
        "encfs",
        "exfat",
        "ext2",
        "ext4",
        "fuse-ext2",
        "fuse-overlayfs",
        "gocryptfs",
        "lxcfs",
        "mergerfs",
        "ntfs",
        "ntfs-3g",
        "shfs",
        "unionfs",
        "unionfs-fuse",
        "zfs",
        "zfs-fuse",
    }
)


def refuse_network(path: Path) -> None:
    """CatalogUnavailable, with cause and fix, if the directory of ``path`` is not on this machine."""
    kind = filesystem_type(path.parent)
    if kind is not None and is_network(kind):
        raise CatalogUnavailable(
            f"the catalog's directory {str(path.parent)!r} is on a network file system ({kind}), "
            "on which SQLite loses data; put the catalog on a local disk "
            '(catalog = "sqlite:////var/lib/s3front/catalog.db")'
        )


def is_network(kind: str) -> bool:
    """Whether files of a file system of that type (as in /proc/self/mountinfo) may be elsewhere."""
    if kind == "fuse" or kind.startswith("fuse."):
        return kind.partition(".")[2] not in _LOCAL_FUSE
    return kind in _NETWORK


def filesystem_type(directory: Path) -> str | None:
    """Type of the file system that holds ``directory``, None if this system does not tell.

    From /proc and not from statfs(2): that has one number for all of FUSE.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with Path(f"/proc/self/fdinfo/{descriptor}").open(encoding="ascii") as facts:
            mount = next((line.split()[1] for line in facts if line.startswith("mnt_id:")), None)
        with Path("/proc/self/mountinfo").open(encoding="utf-8", errors="replace") as mounts:
            for line in mounts:
                before, _, after = line.partition(" - ")
                if before.split(" ", 1)[0] == mount:
                    return after.split()[0]
    except OSError:
        pass
    finally:
        os.close(descriptor)
    return None
