"""`watch.units`: what it writes and when, held against systemd's own parser."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ops_tasks.namespaces import ns
from ops_tasks.scenarios.units import exec_start
from ops_tasks.scenarios.watching import WATCHES, of
from ops_tasks.stack import Stack, find
from tests.conftest import finish
from tests.systems.conftest import small_stack
from tests.watch.conftest import FOLDERS, OPS, Invoke, bare, written

ANALYZE = shutil.which("systemd-analyze")
systemd = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not on this machine")
TOKEN = "-".join(["t0ken", "of", "motherduck"])


def dumped(files: list[Path]) -> str:
    """What systemd understands of units, as it tells itself."""
    env = os.environ | {"SYSTEMD_LOG_LEVEL": "debug"}
    command = ["systemd-analyze", "verify", "--man=no", *map(str, files)]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=60).stdout


def words_of(line: str) -> list[str]:
    """The words of a command, as systemd quotes it for the shell."""
    told = subprocess.run(
        ["sh", "-c", f"printf '%s\\0' {line}"], capture_output=True, text=True, check=True, timeout=60
    )
    return told.stdout.split("\0")[:-1]


def test_every_watch_is_a_task() -> None:
    assert {watch.task for watch in WATCHES} <= set(ns.task_names)
    assert len({watch.name for watch in WATCHES}) == len(WATCHES)


@systemd
def test_every_watch_of_a_stack_has_its_units(small: Stack, invoke: Invoke, tmp_path: Path) -> None:
    folder = tmp_path / "units"
    done = invoke(small, "watch.units", f"--write={folder}")
    names = {watch.name for watch in of(small)}
    assert {file.split("-")[2] for file in done.document["files"]} == names >= {"snapshot", "disk"}
    assert ("heartbeat" in names) == (small.config.dagster is not None)
    files = map(str, sorted(folder.iterdir()))
    env = os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)}
    command = ["systemd-analyze", "verify", "--man=no", "--user", *files]
    checked = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert (checked.returncode, checked.stderr) == (0, "")


@systemd
@pytest.mark.parametrize("place", [[], ["--system"]], ids=["user", "system"])
def test_systemd_finds_nothing_wrong(small: Stack, invoke: Invoke, tmp_path: Path, place: list[str]) -> None:
    files = written(small, invoke, tmp_path / "units", *place)
    assert [file.suffix for file in files] == [".service", ".timer"]
    scope = [] if place else ["--user"]
    command = ["systemd-analyze", "verify", "--man=no", *scope, *map(str, files)]
    env = os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    service, timer = (file.read_text(encoding="utf-8") for file in files)
    assert ("User=" in service) == bool(place)
    home = pwd.getpwuid(os.getuid()).pw_dir if place else "%h"
    assert f"\nEnvironmentFile=-{home}/.config/ops-tasks/env\nEnvironmentFile=-{small.home}/watch.env\n" in service
    assert "OnCalendar=*-*-* *:00:00\nAccuracySec=1s\nPersistent=true\n" in timer


@systemd
@pytest.mark.parametrize("name", FOLDERS)
def test_systemd_understands_every_path_as_it_is(name: str, invoke: Invoke, tmp_path: Path) -> None:
    stack = small_stack(tmp_path / name)
    told = dumped(written(stack, invoke, tmp_path / "units"))
    command = re.search(r"^\s*Command Line: (.*?)(?:\n|$)", told.split(".service:")[-1], re.MULTILINE)
    assert command is not None
    assert words_of(command[1]) == [*OPS, "watch.snapshot", f"--stack={stack.root}", "--yes"]
    own, secrets = re.findall(r"^\s*EnvironmentFile: -(.*)$", told, re.MULTILINE)
    assert own == f"{Path.home()}/.config/ops-tasks/env"
    (stack.home).mkdir()
    (stack.home / "watch.env").touch()
    # systemd gives the path to glob(3).
    matched = subprocess.run(
        [sys.executable, "-c", GLOB, secrets], capture_output=True, text=True, check=True, timeout=60
    )
    assert matched.stdout == str(stack.home / "watch.env")
    assert f"Description: Snapshot of the stack in {stack.root} (watch.snapshot)" in told


GLOB = """
import ctypes, sys
class Found(ctypes.Structure):
    _fields_ = [("count", ctypes.c_size_t), ("paths", ctypes.POINTER(ctypes.c_char_p)), ("rest", ctypes.c_char * 256)]
found = Found()
assert ctypes.CDLL(None).glob(sys.argv[1].encode(), 0, None, ctypes.byref(found)) == 0
assert found.count == 1
sys.stdout.buffer.write(found.paths[0])
"""


@systemd
@pytest.mark.parametrize("name", ["it's", 'say "x"', "back\\slash", "a b", "$HOME"])
def test_systemd_starts_an_interpreter_of_any_path(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    python = tmp_path / name / "python"
    python.symlink_to(sys.executable)
    unit = tmp_path / "x.service"
    words = [str(python), "-c", "print('$HOME %h')"]
    unit.write_text(f"[Service]\nType=oneshot\nExecStart={exec_start(words)}\n", encoding="utf-8")
    command = re.search(r"^\s*Command Line: (.*)$", dumped([unit]), re.MULTILINE)
    assert command is not None
    assert bare(words_of(command[1])).stdout == "$HOME %h\n"


def test_no_secret_is_written_and_the_backend_is(
    small: Stack, invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTHERDUCK_TOKEN", TOKEN)
    monkeypatch.setenv("DATABOX_BACKEND", "local")
    text = "".join(file.read_text() for file in written(small, invoke, tmp_path / "a"))
    text += "".join(file.read_text() for file in written(small, invoke, tmp_path / "b", "--format=cron"))
    assert TOKEN not in text
    assert "MOTHERDUCK" not in text
    assert "\nEnvironment=DATABOX_BACKEND=local\n" in text
    assert "set -a; DATABOX_BACKEND=local; " in text


@pytest.mark.parametrize("name", ["line\nbreak", "tab\there", "carriage\rreturn"])
def test_a_line_break_in_a_path_is_refused(name: str, invoke: Invoke, tmp_path: Path) -> None:
    stack = small_stack(tmp_path / name)
    for form in ("systemd", "cron"):
        told = invoke(stack, "watch.units", "--only=snapshot", f"--format={form}", f"--write={tmp_path / 'units'}")
        assert told.code == 2
        assert "has a line break or another control character" in told.err
    assert not (tmp_path / "units").exists()


def test_two_stacks_have_two_names(invoke: Invoke, tmp_path: Path) -> None:
    stacks = [small_stack(tmp_path / folder / "stack") for folder in ("a", "b")]
    names = [name for stack in stacks for name in invoke(stack, "watch.units", "--only=snapshot").document["files"]]
    assert len(set(names)) == 4
    assert all(name.startswith("ops-watch-snapshot-stack-") for name in names)


def test_without_json_it_is_shown_as_it_would_be_written(invoke: Invoke, tmp_path: Path) -> None:
    stack = small_stack(tmp_path / "a :warning: [bold]x[/bold]" / ("long " * 10).strip())
    for form in ("cron", "systemd"):
        texts = invoke(stack, "watch.units", "--only=snapshot", f"--format={form}").document["files"]
        shown = finish([*OPS, "watch.units", "--only=snapshot", f"--format={form}", f"--stack={stack.root}"])
        head = "" if form == "cron" else "# {}\n"
        assert shown.out == "".join(head.format(name) + text for name, text in texts.items())


def test_files_are_replaced_only_when_somebody_says_so(small: Stack, invoke: Invoke, tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there yet"
    first = invoke(small, "watch.units", "--only=snapshot", f"--write={folder}", "--plan")
    assert (first.code, first.document["written"], folder.exists()) == (0, [], False)
    assert len(invoke(small, "watch.units", "--only=snapshot", f"--write={folder}").document["written"]) == 2
    service, timer = sorted(folder.iterdir())
    before = timer.read_text()
    assert invoke(small, "watch.units", "--only=snapshot", f"--write={folder}").document["written"] == []

    told = invoke(small, "watch.units", "--only=snapshot", f"--write={folder}", "--every=6h")
    assert (told.code, timer.read_text()) == (3, before)
    assert f"✗ {timer} says something else\n  → --yes replaces it" in told.err
    assert f"{timer} (there, and says something else)" in told.err

    told = invoke(small, "watch.units", "--only=snapshot", f"--write={folder}", "--every=6h", "--yes")
    assert told.document["written"] == [str(timer)]
    assert "OnCalendar=*-*-* 00/6:00:00" in timer.read_text()
    assert sorted(folder.iterdir()) == [service, timer]


def test_a_link_is_something_else(small: Stack, invoke: Invoke, tmp_path: Path) -> None:
    service = written(small, invoke, tmp_path / "units")[0]
    service.unlink()
    service.symlink_to("/dev/null")
    assert invoke(small, "watch.units", "--only=snapshot", f"--write={service.parent}").code == 3
    assert service.is_symlink()


def test_a_folder_that_cannot_be_is_one_line(small: Stack, invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    told = invoke(small, "watch.units", "--only=snapshot", f"--write={tmp_path / 'file'}")
    assert told.code == 2
    assert "cannot be written" in told.err


def test_it_says_what_to_run_next(
    small: Stack, invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    known = tmp_path / "config" / "systemd" / "user"
    at_home = invoke(small, "watch.units", "--only=snapshot", f"--write={known}").document
    timer = next(name for name in at_home["files"] if name.endswith(".timer"))
    enable = f"systemctl --user enable --now {timer}"
    assert at_home["next"] == ["systemctl --user daemon-reload", enable, "loginctl enable-linger"]
    elsewhere = invoke(small, "watch.units", "--only=snapshot", f"--write={tmp_path / 'x y'}").document["next"]
    assert elsewhere[0].startswith(f"systemctl --user link '{tmp_path}/x y/")
    system = invoke(small, "watch.units", "--only=snapshot", f"--write={tmp_path / 's'}", "--system").document["next"]
    assert system[-1] == f"sudo systemctl enable --now {timer}"
    (cron,) = invoke(small, "watch.units", "--only=snapshot", f"--write={tmp_path / 'c'}", "--format=cron").document[
        "next"
    ]
    assert cron.endswith("| crontab -")


SHARED, OWN = "https://hc.invalid/s3cret", "https://hc.invalid/s3cret/{check}"


@pytest.mark.parametrize(
    ("configured", "environment", "file", "said"),
    [
        pytest.param(SHARED, "", "", "ops.watch.ping: ", id="configuration"),
        pytest.param("", SHARED, "", "OPS_PING: ", id="environment"),
        pytest.param(OWN, OWN, f"X=1\nexport OPS_PING='{SHARED}'\n", "OPS_PING in ", id="file"),
        pytest.param(SHARED, SHARED, f"OPS_PING={OWN}\n", "", id="the file wins"),
        pytest.param(SHARED, OWN, "", "", id="the environment wins"),
        pytest.param("", "", "", "", id="no pings"),
    ],
)
def test_watches_are_not_set_up_to_share_a_check(
    small: Stack,
    invoke: Invoke,
    monkeypatch: pytest.MonkeyPatch,
    configured: str,
    environment: str,
    file: str,
    said: str,
) -> None:
    if configured:
        text = small.file.read_text(encoding="utf-8")
        small.file.write_text(f"{text}    ping: {configured}\n", encoding="utf-8")
    monkeypatch.setenv("OPS_PING", environment)
    small.home.mkdir()
    (small.home / "watch.env").write_text(file, encoding="utf-8")
    for form in ("systemd", "cron"):
        told = invoke(small, "watch.units", f"--format={form}")
        assert told.code == (2 if said else 0), told.err
        if said:
            assert told.err.startswith(f"✗ {said}")
            assert "every watch needs a check of its own" in told.err
            assert "s3cret" not in told.out + told.err
        assert invoke(small, "watch.units", "--only=disk", f"--format={form}").code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--user", "--system"), "--user and --system exclude each other"),
        (("--format=launchd",), "--format: 'launchd' is unknown"),
        (("--only=snapshots",), "--only: no watch 'snapshots'"),
    ],
)
def test_a_wrong_flag_is_one_line(small: Stack, invoke: Invoke, words: tuple[str, ...], said: str) -> None:
    told = invoke(small, "watch.units", *words)
    assert (told.code, told.err.splitlines()[0]) == (2, f"✗ {said}")


def test_the_stack_is_the_folder_of_its_configuration(invoke: Invoke, tmp_path: Path) -> None:
    inner = small_stack(tmp_path / "inner")
    text = inner.file.read_text(encoding="utf-8").replace("ops:\n", "ops:\n  root: inner\n", 1)
    (tmp_path / "invoke.yaml").write_text(text, encoding="utf-8")
    service = next(iter(invoke(find(tmp_path), "watch.units", "--only=snapshot").document["files"].values()))
    assert f"--stack={tmp_path} --yes" in service
    assert f"EnvironmentFile=-{inner.home}/watch.env" in service
