"""Which file systems a session may lie on: SQLite's write-ahead log needs shared memory and true locks."""

from pathlib import Path

_NETWORK = frozenset({
    "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "fuse.ceph", "fuse.glusterfs", "fuse.rclone",
    "fuse.s3fs", "fuse.sshfs", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs3", "nfs4", "ocfs2",
    "pvfs2", "smb2", "smb3", "smbfs", "sshfs", "webdav",
})  # fmt: skip


def network_type(path: Path) -> str | None:
    """The network file system that *path* lies on ("nfs4", "cifs" ...), None for a local one."""
    import psutil  # noqa: PLC0415 - not needed for reading

    kind = type_of(path, [(entry.mountpoint, entry.fstype) for entry in psutil.disk_partitions(all=True)])
    return kind if kind in _NETWORK else None


def type_of(path: Path, mounts: list[tuple[str, str]]) -> str:
    """Type of the file system with the longest mount point above *path*; of equal ones the last mounted."""
    place = path.resolve()
    best, kind = -1, ""
    for mount, name in mounts:
        folder = Path(mount)
        if (folder == place or folder in place.parents) and len(folder.parts) >= best:
            best, kind = len(folder.parts), name.lower()
    return kind
