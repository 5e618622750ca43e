"""Every fault: is it seen, is the verdict right, does the command of the verdict mend it, is the truth reached?

`docs/faults.md` holds what was measured here: OPS_WRITE_FAULTS=1 writes it anew, without it a difference fails.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sandbox import breaks, stacks
from sandbox.api.server import serve
from tests.conftest import ROOT, Sandbox

pytestmark = pytest.mark.rehearsal

TABLE = ROOT / "docs" / "faults.md"
HEAD = """# Faults and what becomes of them

Each row is a test (`tests/recovery/test_faults.py`): a stack with a verified snapshot is broken by `sandbox.break`,
`ops.doctor` is asked, the command that it names (or the one given here) is run, and the raw tables and marts are
compared with what the sources say. Then the recovery is rolled back, and every file has to be what it was when it was
broken.

| `sandbox.break` | exit of `ops.doctor` | verdict | mended by | truth reached | rolled back |
|---|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Fault:
    """`by` is the recovery where it is not the doctor's own first way out; no recovery where nothing is broken."""

    name: str
    options: dict[str, Any] = field(default_factory=dict[str, Any])
    by: str = ""

    @property
    def words(self) -> str:
        return " ".join([self.name, *(f"--{key}={value}" for key, value in self.options.items())])


FAULTS = (
    Fault("flip-bytes", {"file": "databox"}),
    Fault("flip-bytes", {"file": "raw_ebird"}),
    Fault("flip-bytes", {"file": "sqlmesh_state"}),
    Fault("flip-bytes", {"where": "header"}),
    Fault("flip-bytes", {"where": "free"}),
    Fault("truncate"),
    Fault("zero-file", {"file": "raw_noaa"}),
    Fault("lost-file", {"file": "databox"}),
    Fault("stale-wal", {"file": "databox"}),
    Fault("stale-wal", {"file": "raw_usgs"}),
    Fault("lost-wal", {"file": "raw_ebird"}),
    Fault("lost-state", by="ops.restore --snapshot=nightly --only=state"),
    Fault("old-data-new-state"),
    Fault("dropped-view"),
    Fault("dropped-table", {"table": "ebird.species_status_history"}),
    Fault("newer-storage", by="ops.restore --snapshot=nightly"),
    Fault("locked"),
    Fault("disk-full"),
)


@pytest.fixture(scope="module")
def kept(loaded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A loaded stack that has a verified snapshot."""
    folder = stacks.copy(loaded, tmp_path_factory.mktemp("kept") / "stack")
    taken = Sandbox(folder).invoke("snapshot.create", "--name=nightly")
    assert taken.code == 0, taken.err
    return folder


@pytest.fixture
def broken(kept: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """A copy of it, on a small volume of its own where the fault fills that."""
    fault: Fault = request.param
    place = tmp_path / "place"
    place.mkdir()
    small = fault.name == "disk-full"
    if small:
        if os.geteuid() != 0:
            pytest.skip("only root may mount a small disk")
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", str(place)], check=True)
    try:
        folder = stacks.copy(kept, place / "stack")
        # A sandbox's copy has no operations of its own; the snapshot is what it is copied for.
        shutil.copytree(kept / ".ops", folder / ".ops", dirs_exist_ok=True, symlinks=True)
        with serve(folder):
            yield Sandbox(folder)
        stacks.down(folder)
    finally:
        if small:
            subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.mark.parametrize(
    ("broken", "fault"), [(fault, fault) for fault in FAULTS], ids=[f.words for f in FAULTS], indirect=["broken"]
)
def test_fault(broken: Sandbox, fault: Fault) -> None:
    breaks.apply(fault.name, broken.folder, **fault.options)
    before = broken.hashes()

    told = broken.invoke("ops.doctor")

    document = told.document
    assert broken.hashes() == before, "looking changed something"
    assert told.code == (1 if document["findings"] else 0)
    row = [f"`{fault.words}`", str(told.code), str(document["verdict"]["words"])]
    row += _mended(broken, fault, document, before)
    line = f"| {' | '.join(row)} |"
    if os.environ.get("OPS_WRITE_FAULTS"):
        _write(fault, line)
    assert line in TABLE.read_text(encoding="utf-8").splitlines()


def _mended(broken: Sandbox, fault: Fault, document: dict[str, Any], before: dict[str, str]) -> list[str]:
    """The last three cells: by which command, whether the truth is reached, whether the way back is exact."""
    if not document["findings"]:
        assert broken.differences() == []
        return ["nothing is broken", "yes", "–"]
    if fault.name in ("locked", "disk-full"):
        if fault.name == "locked":
            breaks.apply("unlock", broken.folder)
        else:
            (broken.folder / "data" / ".ballast").unlink()
        assert broken.invoke("verify.drift").code == 0
        assert broken.differences() == []
        return ["ending the process" if fault.name == "locked" else "making room", "yes", "–"]
    command = fault.by or document["findings"][0]["way_out"].removeprefix("invoke ").removesuffix(
        f" --stack={broken.folder}"
    )
    mended = broken.invoke(*shlex.split(command), "--yes")
    assert mended.code == 0, mended.err
    assert broken.differences() == []
    undone = broken.invoke("ops.rollback", mended.document["operation"], "--yes")
    assert undone.code == 0, undone.err
    assert broken.hashes() == before
    # days move on with the calendar, the table does not
    timeless = [word for word in command.split() if not word.startswith(("--start", "--end"))]
    return [f"`{' '.join(timeless)}`", "yes", "byte-identical"]


def _write(fault: Fault, line: str) -> None:
    known = TABLE.read_text(encoding="utf-8").splitlines() if TABLE.is_file() else []
    rows = {old.split(" | ")[0]: old for old in known if old.startswith("| `")} | {f"| `{fault.words}`": line}
    lines = [rows[f"| `{one.words}`"] for one in FAULTS if f"| `{one.words}`" in rows]
    TABLE.write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")


def test_the_table_has_every_fault_and_no_other() -> None:
    text = TABLE.read_text(encoding="utf-8")
    assert text.startswith(HEAD)
    rows = [line.split(" | ")[0].removeprefix("| ") for line in text.splitlines() if line.startswith("| `")]
    assert rows[1:] == [f"`{fault.words}`" for fault in FAULTS]
