"""Which file systems a session may lie on: SQLite's write-ahead log needs shared memory and true locks."""

import re
from pathlib import Path

_NETWORK = frozenset({
    "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "fuse.ceph", "fuse.glusterfs", "fuse.rclone",
    "fuse.s3fs", "fuse.sshfs", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs3", "nfs4", "ocfs2",
    "pvfs2", "smb2", "smb3", "smbfs", "sshfs", "webdav",
})  # fmt: skip

_ESCAPE = re.compile(r"\\([0-7]{3})")  # how mount points hold blanks


def network_type(path: Path) -> str | None:
    """The network file system that *path* lies on ("nfs4", "cifs" ...), None for a local one."""
    kind = type_of(path, _mounts())
    return kind if kind in _NETWORK else None


def _mounts() -> list[tuple[str, str]]:
    """(mount point, type) of everything mounted."""
    try:
        text = Path("/proc/self/mounts").read_text("utf-8", "surrogateescape")
    except OSError:
        import psutil

        return [(entry.mountpoint, entry.fstype) for entry in psutil.disk_partitions(all=True)]
    fields = [line.split(" ") for line in text.splitlines()]
    return [
        (_ESCAPE.sub(lambda found: chr(int(found[1], 8)), part[1]), part[2])
        for part in fields
        if len(part) > 2
    ]


def type_of(path: Path, mounts: list[tuple[str, str]]) -> str:
    """Type of the file system with the longest mount point above *path*; of equal ones the last mounted."""
    place = path.resolve()
    best, kind = -1, ""
    for mount, name in mounts:
        folder = Path(mount)
        if (folder == place or folder in place.parents) and len(folder.parts) >= best:
            best, kind = len(folder.parts), name.lower()
    return kind
