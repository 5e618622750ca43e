"""kill -9 at every step of a rebuild, a restore and a repair: both ways out work from there, and no row is lost."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import breaks, stacks
from sandbox.api.server import serve
from tests.conftest import Sandbox
from tests.faults.both_ways import check_both, kill_at

RECOVERIES: dict[str, tuple[tuple[str, dict[str, Any]], tuple[str, ...], list[str]]] = {
    "marts": (
        ("flip-bytes", {"file": "databox"}),
        ("ops.rebuild", "--yes"),
        ["snapshot", "quarantine", "history", "mend", "compare", "audits", "contracts", "freshness", "seal"],
    ),
    "raw": (
        ("flip-bytes", {"file": "raw_ebird"}),
        ("ops.rebuild", "--yes"),
        ["bring 0", "load ebird", "gate"],
    ),
    "state": (("lost-state", {}), ("ops.rebuild", "--yes"), ["begin"]),
    "restore": (
        ("zero-file", {"file": "databox"}),
        ("ops.restore", "--snapshot=nightly", "--yes"),
        ["bring 0", "rows", "drift"],
    ),
    "repair": (("dropped-table", {}), ("ops.repair-state", "--yes"), ["mend"]),
}
CASES = [(name, step) for name, (_, _, steps) in RECOVERIES.items() for step in steps]


@pytest.fixture(scope="module")
def kept(loaded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A loaded stack that has a verified snapshot."""
    folder = stacks.copy(loaded, tmp_path_factory.mktemp("kept") / "stack")
    taken = Sandbox(folder).invoke("snapshot.create", "--name=nightly")
    assert taken.code == 0, taken.err
    return folder


@pytest.fixture
def saved(kept: Path, tmp_path: Path) -> Iterator[Sandbox]:
    """A copy of it."""
    folder = stacks.copy(kept, tmp_path / "stack")
    shutil.copytree(kept / ".ops", folder / ".ops", dirs_exist_ok=True)
    with serve(folder):
        yield Sandbox(folder)


@pytest.mark.parametrize(("name", "step"), CASES, ids=[f"{name}-{step.replace(' ', '-')}" for name, step in CASES])
def test_killed_before_a_step(saved: Sandbox, name: str, step: str) -> None:
    (fault, options), words, _ = RECOVERIES[name]
    breaks.apply(fault, saved.folder, **options)
    before = saved.hashes()
    kill_at(saved, "started", step, *words)
    check_both(saved, before)


@pytest.mark.parametrize("name", ["restore"])
def test_killed_at_the_very_end(saved: Sandbox, name: str) -> None:
    (fault, options), words, _ = RECOVERIES[name]
    breaks.apply(fault, saved.folder, **options)
    before = saved.hashes()
    kill_at(saved, "done", "seal", *words)
    check_both(saved, before)
