"""The disk fills up: before the work it is refused, in the middle of it every file goes back."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sandbox import stacks
from sandbox.api.server import serve

if TYPE_CHECKING:
    from tests.conftest import Sandbox

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")


@pytest.fixture
def small_disk(loaded: Path, tmp_path: Path) -> Iterator[Sandbox]:
    """A stack on a disk of 64 MB."""
    from tests.conftest import Sandbox

    mount = tmp_path / "disk"
    mount.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(mount)], check=True)
    try:
        folder = stacks.copy(loaded, mount / "stack")
        with serve(folder):
            yield Sandbox(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(mount)], check=True)


def fill(folder: Path, leave: int = 0) -> None:
    """Take every free byte of the disk but `leave`."""
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    with (folder / "filler").open("ab", buffering=0) as file:
        try:
            for _ in range(max(0, free - leave) // 4096):
                file.write(b"x" * 4096)
        except OSError:
            return


@AS_ROOT
def test_a_disk_without_room_is_refused_before_anything_is_done(small_disk: Sandbox) -> None:
    day = small_disk.today - timedelta(days=8)
    before = small_disk.hashes()
    fill(small_disk.folder, leave=8_000_000)

    ran = small_disk.backfill(start=day, end=day)

    assert ran.code == 3, ran.err
    assert "bytes are needed" in ran.document["findings"][0]["reason"]
    assert small_disk.hashes() == before


@AS_ROOT
@pytest.mark.parametrize("step", ["load ebird", "exchange ebird", "restate", "contracts"])
def test_a_disk_that_fills_up_in_the_middle(small_disk: Sandbox, step: str) -> None:
    start, end = small_disk.today - timedelta(days=20), small_disk.today - timedelta(days=5)
    before = small_disk.hashes()
    small_disk.fault("corrected", "ebird", start, end)
    command = [sys.executable, "-m", "invoke", "ops.backfill", "--source=ebird", f"--start={start}", f"--end={end}"]
    command += ["--yes", f"--stack={small_disk.folder}"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        until = time.monotonic() + PATIENCE
        while process.poll() is None and not begun(small_disk, step):
            assert time.monotonic() < until
            time.sleep(0.002)
        fill(small_disk.folder)
        code = process.wait(PATIENCE)

    (small_disk.folder / "filler").unlink()
    status = small_disk.last_operation()["status"]
    assert (code, status) in {(4, "put_back"), (0, "succeeded")}
    if code:
        assert small_disk.hashes() == before
    else:
        assert small_disk.differences() == []


def test_a_file_size_limit_stops_the_snapshot_and_leaves_nothing_behind(sandbox: Sandbox) -> None:
    day = sandbox.today - timedelta(days=8)
    before = sandbox.hashes()
    command = [sys.executable, "-m", "invoke", "ops.backfill", "--source=ebird", f"--start={day}", "--yes"]

    done = subprocess.run(
        [*command, f"--stack={sandbox.folder}"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4_000_000, 4_000_000)),
    )

    assert done.returncode == 4, done.stderr
    assert sandbox.hashes() == before
    assert list((sandbox.folder / ".ops" / "snapshots").iterdir()) == []


def begun(sandbox: Sandbox, step: str) -> bool:
    """Whether any journal says that `step` has begun."""
    journals = sandbox.folder.glob(".ops/operations/*/journal.jsonl")
    return any(f'"event": "started", "step": "{step}"' in journal.read_text() for journal in journals)
