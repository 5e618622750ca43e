"""After a restore to an older moment the next load and `sqlmesh run` fill in what came after it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from sandbox import account, run, stacks
from sandbox.api import state as states
from sandbox.api.server import serve
from tests.conftest import Sandbox
from tests.pit.test_incidents import kept, now

FIRST, THEN = date(2026, 4, 20), date(2026, 4, 23)


@pytest.fixture(params=["local", "motherduck"])
def early(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sandbox]:
    """A stack that lives on 20 April and will see the 23rd."""
    folder = tmp_path / "stack"
    stacks.up(folder, days=20, today=FIRST, backend=request.param, serve=False, validate=False)
    with serve(folder):
        yield Sandbox(folder)


def live_on(sandbox: Sandbox) -> None:
    """Three days go by: the API has them, they are loaded and computed."""
    state = states.read(sandbox.folder)
    states.write(sandbox.folder, states.State(THEN, state.days + (THEN - FIRST).days))
    for name in ("databox.toml", "invoke.yaml"):
        file = sandbox.folder / name
        file.write_text(file.read_text(encoding="utf-8").replace(str(FIRST), str(THEN)), encoding="utf-8")
    refill(sandbox)
    assert sandbox.differences() == []


def refill(sandbox: Sandbox) -> None:
    """What a schedule does."""
    run.python(sandbox.folder, "-m", "databox.load", "all")
    run.python(sandbox.folder, "-m", "databox.transform", "run")


@pytest.mark.rehearsal
def test_from_a_snapshot(early: Sandbox) -> None:
    kept(early)
    live_on(early)
    restored = early.invoke("ops.restore", "--snapshot=nightly", "--yes")
    assert restored.code == 0, restored.err
    assert {str(day) for found in early.differences() for day in found.days} >= {"2026-04-20", "2026-04-22"}
    refill(early)
    assert early.differences() == []


@pytest.mark.rehearsal
def test_from_what_motherduck_remembers(tmp_path: Path) -> None:
    folder = tmp_path / "stack"
    stacks.up(folder, days=20, today=FIRST, backend="motherduck", serve=False, validate=False)
    sandbox, moment = Sandbox(folder), now()
    found = account.of(folder)
    assert found is not None
    with serve(folder):
        live_on(sandbox)
        restored = sandbox.invoke("ops.restore", f"--at={moment}", "--yes")
        assert restored.code == 0, restored.err
        assert sandbox.differences()
        refill(sandbox)
        assert sandbox.differences() == []
