"""How a source is told which days to load."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest

from ops_tasks.errors import StepFailed, UsageError
from ops_tasks.sections import WindowSection
from ops_tasks.stack import Stack
from ops_tasks.systems import load_worker
from ops_tasks.systems.load import argv, python_path, window_env

START, END, TODAY = date(2026, 2, 27), date(2026, 2, 28), date(2026, 3, 2)


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        pytest.param({"start": "A", "end": "B"}, {"A": "2026-02-27", "B": "2026-02-28"}, id="a pair"),
        pytest.param({"days_back": "N"}, {"N": "4"}, id="days back reach the first day, today included"),
        pytest.param(
            {"interval": True},
            {
                "DLT_ALLOW_EXTERNAL_SCHEDULERS": "true",
                "DLT_INTERVAL_START": "2026-02-27T00:00:00Z",
                "DLT_INTERVAL_END": "2026-03-01T00:00:00Z",
            },
            id="dlt's interval ends with the day after",
        ),
        pytest.param({}, {}, id="none"),
    ],
)
def test_window_env(window: dict[str, object], expected: dict[str, str]) -> None:
    assert window_env(WindowSection.model_validate(window), START, END, TODAY) == expected


def test_today_is_one_day_back() -> None:
    assert window_env(WindowSection(days_back="N"), TODAY, TODAY, TODAY) == {"N": "1"}


def test_python_is_the_one_that_runs() -> None:
    assert argv(("python", "-m", "python")) == [sys.executable, "-m", sys.executable]
    assert argv(("make", "load")) == ["make", "load"]


def test_the_stack_comes_first_on_the_path(small: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    assert python_path(small) == f"{small.root}{os.pathsep}/elsewhere"
    monkeypatch.delenv("PYTHONPATH")
    assert python_path(small) == str(small.root)


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_load_command_runs_where_and_with_what_it_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code = "import os; print(os.getcwd(), os.environ['WINDOW'], flush=True); open('made', 'w').close()"
    assert load_worker.run(python(code), str(tmp_path), {"WINDOW": "x"}) == {"exit": 0}
    assert capfd.readouterr().out == f"{tmp_path} x\n"
    assert (tmp_path / "made").exists()


def test_what_a_load_leaves_in_the_background_is_not_waited_for(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """And nothing that the command itself has said is lost, in whatever pieces it comes."""
    script = "sleep 20 & echo $! >pid; seq 1 20000; printf 'd\\303\\251j\\303\\240\\r\\nhalf'"
    began = time.monotonic()
    assert load_worker.run(["sh", "-c", script], str(tmp_path)) == {"exit": 0}
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    assert time.monotonic() - began < 10
    assert capfd.readouterr().out.splitlines() == [*map(str, range(1, 20001)), "déjà", "half"]


def test_one_that_goes_on_talking_is_not_listened_to(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(StepFailed, match=r"failed \(exit 3\)"):
        load_worker.run(["sh", "-c", "yes & echo $! >pid; exit 3"], str(tmp_path))
    assert time.monotonic() - began < 10
    with suppress(ProcessLookupError):  # it may have noticed that nobody listens
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import sys; print('first'); sys.exit('no connection')", r"failed \(exit 1\): no connection"),
        ("import sys; sys.exit(7)", r"failed \(exit 7\): it said nothing"),
        ("import os; print('x', flush=True); os.kill(os.getpid(), 9)", r"failed \(exit -9\): x"),
        ("import sys; sys.stdout.buffer.write(b'\\xff odd'); sys.exit(1)", r"failed \(exit 1\): . odd"),
    ],
)
def test_a_failing_load_tells_its_last_words(tmp_path: Path, code: str, reason: str) -> None:
    with pytest.raises(StepFailed, match=reason):
        load_worker.run(python(code), str(tmp_path))


def test_a_load_command_that_is_not_installed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'no-such-loader' is not installed"):
        load_worker.run(["no-such-loader"], str(tmp_path))
