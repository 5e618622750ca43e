"""The JSON document and the exit codes that go with it."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from ops_tasks.errors import KINDS
from ops_tasks.report.document import EXITS, Document


@pytest.mark.parametrize(
    ("status", "code"),
    [("ok", 0), ("findings", 1), ("refused", 3), ("put_back", 4), ("stopped", 5), ("error", 5), ("busy", 6)],
)
def test_exit_codes(status: str, code: int) -> None:
    assert Document("t", status).code == code
    assert Document("t", status, exit_code=2).code == 2


def test_every_error_has_a_status_of_the_document() -> None:
    assert {kind.status for kind in KINDS.values()} <= set(EXITS)
    assert all(EXITS[kind.status] == kind.exit_code for name, kind in KINDS.items() if name != "UsageError")


def test_the_same_keys_for_every_task() -> None:
    document = Document("ops.x", "ok", more={"window": {"start": date(2026, 4, 1)}, "file": Path("a/b")})
    assert json.loads(document.json()) == {
        "schema": "ops/1",
        "task": "ops.x",
        "status": "ok",
        "operation": None,
        "steps": [],
        "findings": [],
        "window": {"start": "2026-04-01"},
        "file": "a/b",
    }
