"""The disk is full from a step on: everything is put back, the broken files included, or the recovery gets through."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import breaks
from sandbox.api.server import serve
from tests.conftest import ROOT, Sandbox, finish
from tests.faults.test_full_disk import fill
from tests.recovery.conftest import copied

pytestmark = pytest.mark.rehearsal

RECOVERIES: dict[str, tuple[tuple[str, dict[str, Any]], tuple[str, ...], list[str]]] = {
    "marts": (
        ("flip-bytes", {"file": "databox"}),
        ("ops.rebuild", "--yes"),
        ["snapshot", "quarantine", "history", "mend", "contracts", "seal"],
    ),
    "raw": (("flip-bytes", {"file": "raw_ebird"}), ("ops.rebuild", "--yes"), ["bring 0", "load ebird"]),
    "state": (("lost-state", {}), ("ops.rebuild", "--yes"), ["begin"]),
    "restore": (
        ("zero-file", {"file": "databox"}),
        ("ops.restore", "--snapshot=nightly", "--yes"),
        ["snapshot", "clone", "cut", "drift"],
    ),
    "in-place": (
        ("zero-file", {"file": "databox"}),
        ("ops.restore", "--snapshot=nightly", "--in-place", "--yes"),
        ["cut"],
    ),
}
LEFT = "6000000"  # room for a file or two of the set, not for all of them
CASES = [(name, step) for name, (_, _, steps) in RECOVERIES.items() for step in steps]


@pytest.fixture
def small_disk(with_snapshot: Path, tmp_path: Path) -> Iterator[Sandbox]:
    """A stack with a snapshot on a disk of 96 MB."""
    mount = tmp_path / "disk"
    mount.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", str(mount)], check=True)
    try:
        folder = copied(with_snapshot, mount / "stack")
        with serve(folder):
            yield Sandbox(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(mount)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
@pytest.mark.parametrize("begun", ["", "cut"], ids=["before", "in-the-middle"])
def test_a_nearly_full_disk_costs_nobody_the_snapshot_that_is_brought_back(small_disk: Sandbox, begun: str) -> None:
    breaks.apply("mass-delete", small_disk.folder)
    before = small_disk.hashes()
    words = ("ops.restore", "--snapshot=nightly", "--in-place", "--yes")
    if begun:
        driver = [sys.executable, str(ROOT / "tests" / "faults" / "fill_at.py"), begun, str(small_disk.folder), LEFT]
        ran = finish([*driver, *words, f"--stack={small_disk.folder}", "--json"])
        assert (ran.code, small_disk.last_operation()["status"]) == (4, "put_back"), ran.err
    else:
        fill(small_disk.folder, leave=int(LEFT))
        ran = small_disk.invoke(*words)
        assert ran.code == 3, ran.err
        assert "the files that differ need" in ran.document["findings"][0]["reason"]
    assert small_disk.hashes() == before
    (small_disk.folder / "filler").unlink()
    whole = small_disk.invoke("snapshot.verify", "--name=nightly")
    assert whole.code == 0, whole.err
    again = small_disk.invoke(*words)
    assert again.code == 0, again.err
    assert small_disk.differences() == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
@pytest.mark.parametrize(("name", "step"), CASES, ids=[f"{name}-{step.replace(' ', '-')}" for name, step in CASES])
def test_the_disk_is_full_from_a_step_on(small_disk: Sandbox, name: str, step: str) -> None:
    (fault, options), words, _ = RECOVERIES[name]
    breaks.apply(fault, small_disk.folder, **options)
    before = small_disk.hashes()

    driver = [sys.executable, str(ROOT / "tests" / "faults" / "fill_at.py"), step, str(small_disk.folder), "0"]
    ran = finish([*driver, *words, f"--stack={small_disk.folder}", "--json"])

    (small_disk.folder / "filler").unlink()
    status = small_disk.last_operation()["status"]
    assert (ran.code, status) in {(3, "refused"), (4, "put_back"), (0, "succeeded")}, ran.err
    if ran.code:
        assert small_disk.hashes() == before
        if step in ("mend", "bring 0", "cut"):
            again = small_disk.invoke(*words)
            assert again.code == 0, again.err
            assert small_disk.differences() == []
    else:
        assert small_disk.differences() == []
