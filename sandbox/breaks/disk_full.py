"""The volume of the stack is full."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from sandbox.breaks import Broken, targets
from sandbox.errors import UsageError

KB = 1024
CHUNK = 1024 * KB
MOST_FREE = 2 * 1024 * 1024 * KB
# The stack's API server writes its address and its log.
FEWEST_KB = 16
BALLAST = ".ballast"
FULL = (errno.ENOSPC, errno.EDQUOT)
WAY_OUT = "put the stack on a small volume of its own: mount -t tmpfs -o size=200m tmpfs DIR"


def apply(folder: Path, *, leave: int = 64) -> Broken:
    """Write `data/.ballast` until about `leave` KB of the volume are free; deleting that file makes room again.

    Raises `UsageError` on a volume with more than 2 GB free and on the one of the root directory: no real disk is ever
    filled.
    """
    if leave < FEWEST_KB:
        raise UsageError(f"--leave is at least {FEWEST_KB} (KB), not {leave}")
    data = folder / "data"
    before = free(data)
    if before > MOST_FREE:
        raise UsageError(f"{data} has {before / 1024**3:.1f} GB free, more than the 2 GB this may fill; {WAY_OUT}")
    if data.stat().st_dev == Path("/").stat().st_dev:
        raise UsageError(f"{data} lies on the volume of /, which this does not fill; {WAY_OUT}")
    ballast = data / BALLAST
    _fill(ballast, leave * KB)
    left = free(data)
    shown = targets.shown(folder, ballast)
    facts = {"file": shown, "bytes": ballast.stat().st_size, "free": left, "before": before}
    return Broken("disk-full", f"{shown} leaves {left:,} bytes free; rm {ballast} makes room again", (), facts)


def free(folder: Path) -> int:
    """The bytes of the folder's volume that this user can still write; root may use the reserve as well."""
    room = os.statvfs(folder)
    return (room.f_bfree if os.geteuid() == 0 else room.f_bavail) * room.f_frsize


def _fill(ballast: Path, leave: int) -> None:
    """Append to the ballast, in chunks that no compression makes smaller, until `leave` bytes or no room is left."""
    block = os.statvfs(ballast.parent).f_frsize
    content = os.urandom(CHUNK)
    with ballast.open("ab", buffering=0) as file:
        try:
            while (more := (free(ballast.parent) - leave) // block * block) > 0:
                file.write(content[:more])
            os.fsync(file.fileno())
        except OSError as error:
            if error.errno not in FULL:
                raise
