"""Whatever a task dies of is one line, one exit code and, with --json, one document."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest
from invoke.context import Context
from invoke.exceptions import Exit

from ops_tasks.errors import Busy, Refused, StepFailed, UsageError
from ops_tasks.namespaces import build
from ops_tasks.namespaces.edge import finish
from ops_tasks.namespaces.reporting import report
from ops_tasks.report.document import Document
from ops_tasks.report.terminal import Terminal

SECRET = "-".join(["s3cr3t", "value"])
YAML = "ops:\n  databases: {a: a.duckdb}\n  sqlmesh: {project: p}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The smallest stack there can be, with a home."""
    (tmp_path / "p").mkdir()
    (tmp_path / ".ops").mkdir()
    (tmp_path / "invoke.yaml").write_text(YAML, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("error", "code", "status", "reason"),
    [
        (UsageError("no such day"), 2, "error", "no such day"),
        (Refused("too few"), 3, "refused", "too few"),
        (Busy("held by 1"), 6, "busy", "held by 1"),
        # Outside of an operation nothing is put back, and nothing may say so.
        (StepFailed("the child died"), 5, "error", "the child died"),
        (OSError(errno.ENOSPC, "No space left on device"), 5, "error", "No space left on device"),
        (KeyboardInterrupt(), 130, "error", "interrupted; nothing was changed"),
        (OverflowError("out of range"), 5, "error", "internal error: OverflowError: out of range"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_an_error_is_a_line_a_code_and_a_document(
    error: BaseException, code: int, status: str, reason: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def body(_terminal: Terminal) -> Document:
        raise error

    with pytest.raises(Exit) as left:
        finish("t", True, body, str(folder))
    out, err = capsys.readouterr()
    assert left.value.code == code
    document = json.loads(out)
    assert document["status"] == status
    assert document["findings"][0]["reason"].endswith(reason)
    assert "Traceback" not in err
    assert reason in err


def test_the_trace_of_an_internal_error_is_kept_without_secrets(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_TOKEN", SECRET)

    def body(_terminal: Terminal) -> Document:
        raise ValueError(f"{SECRET}\nand more")

    with pytest.raises(Exit):
        finish("t", False, body, str(folder))
    err = capsys.readouterr().err
    trace = folder / ".ops" / "trace.log"
    assert str(trace) in err
    assert "and more" not in err
    assert "ValueError: ***" in trace.read_text(encoding="utf-8")
    assert SECRET not in err + trace.read_text(encoding="utf-8")


def test_without_a_stack_the_trace_goes_to_a_temporary_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def body(_terminal: Terminal) -> Document:
        raise ValueError("odd")

    with pytest.raises(Exit):
        finish("t", False, body, str(tmp_path / "nowhere"))
    (kept,) = tmp_path.glob("ops-*-trace.log")
    assert str(kept) in capsys.readouterr().err
    assert "ValueError: odd" in kept.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("RuntimeError: login with password hunter2supersecret failed", "login with password *** failed"),
        ("cannot read a\x1b[2J\x1b]0;mine\x07b", "cannot read a␛[2J␛]0;mine␇b"),
        ("see invoke ops.doctor, not invoke load.noaa", "see invoke ops.doctor --stack={folder}, not invoke load.noaa"),
    ],
)
def test_an_error_is_told_clean_and_as_a_command_of_ours(
    folder: Path, capsys: pytest.CaptureFixture[str], reason: str, told: str
) -> None:
    build()

    def body(_terminal: Terminal) -> Document:
        raise UsageError(reason, reason)

    with pytest.raises(Exit):
        finish("t", False, body, str(folder))
    first, second = capsys.readouterr().err.splitlines()
    assert told.format(folder=folder) in first
    assert told.format(folder=folder) in second


def test_an_unknown_flag_is_answered_with_the_flags_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Exit):
        report(Context(), operation="-x")
    assert "known: --force, --html, --json, --md, --operation, --stack\n" in capsys.readouterr().err
