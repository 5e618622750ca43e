"""Pings: the protocol of healthchecks.io, on a receiver that listens; a ping that fails never fails a watch."""

from __future__ import annotations

import re
import socket
import threading
import time
from pathlib import Path

import pytest

from ops_tasks.errors import Busy
from ops_tasks.operation import lock
from ops_tasks.scenarios import watching
from ops_tasks.stack import Stack
from ops_tasks.systems import pings
from ops_tasks.systems.pings import Pinger, pinger
from tests.conftest import finish
from tests.systems.conftest import Writing
from tests.watch.conftest import OPS, Invoke
from tests.watch.receiver import Receiver, listening

KEY = "ad3b-0c8e-secret"
RUN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def ran(stack: Stack, *words: str, **env: str) -> tuple[int, str, str]:
    done = finish([*OPS, *words, f"--stack={stack.root}", "--json"], env=env)
    return done.code, done.out, done.err


def test_start_and_success_have_one_run(small: Stack) -> None:
    with listening() as receiver:
        code, _, err = ran(small, "watch.disk", OPS_PING=f"{receiver.url}/{KEY}/{{check}}?create=1")
    assert code == 0, err
    start, end = receiver.heard
    assert [start.path, end.path] == [f"/{KEY}/watch-disk/start", f"/{KEY}/watch-disk"]
    assert start.query == end.query
    assert start.query["create"] == ["1"]
    assert RUN.fullmatch(start.query["rid"][0])
    assert "free" in end.body


def test_findings_are_sent_as_the_exit_status(small: Stack) -> None:
    text = small.file.read_text(encoding="utf-8")
    small.file.write_text(f"{text}    disk: {{inodes: 1000000000000}}\n", encoding="utf-8")
    with listening() as receiver:
        code, _, err = ran(small, "watch.disk", OPS_PING=f"{receiver.url}/{KEY}")
    assert code == 1
    assert "inodes left" in err
    assert receiver.paths == [f"/{KEY}/start", f"/{KEY}/1"]
    assert "inodes left" in receiver.heard[1].body


def test_a_watch_that_cannot_run_is_a_failure(small: Stack) -> None:
    with listening() as receiver:
        code, _, _ = ran(small, "watch.disk", OPS_PING=f"{receiver.url}/{KEY}", TMPDIR=str(small.root / "no"))
        assert code == 0  # Python falls back to /tmp: the watch goes on
        (small.home).mkdir(exist_ok=True)
        receiver.heard.clear()
        code, _, _ = ran(small, "watch.heartbeat", OPS_PING=f"{receiver.url}/{KEY}")
    assert code == 2
    assert receiver.paths == []  # a stack without Dagster has no such watch, so there is nothing to tell


def test_the_configuration_has_an_address_too_and_the_environment_wins(small: Stack) -> None:
    with listening() as configured, listening() as wins:
        text = small.file.read_text(encoding="utf-8")
        small.file.write_text(f"{text}    ping: {configured.url}/{KEY}/{{check}}\n", encoding="utf-8")
        assert ran(small, "watch.disk")[0] == 0
        assert configured.paths == [f"/{KEY}/watch-disk/start", f"/{KEY}/watch-disk"]
        assert ran(small, "watch.disk", OPS_PING=f"{wins.url}/x")[0] == 0
        assert wins.paths == ["/x/start", "/x"]
        assert len(configured.heard) == 2


def test_a_plan_pings_nobody_and_writes_nothing(small: Stack) -> None:
    with listening() as receiver:
        assert ran(small, "watch.disk", "--plan", OPS_PING=f"{receiver.url}/{KEY}")[0] == 0
    assert receiver.heard == []
    assert not (small.home / "watch").exists()


def test_no_address_is_one_line(small: Stack) -> None:
    code, _, err = ran(small, "watch.disk", OPS_PING="hc-ping.com/x")
    assert (code, err.splitlines()[0]) == (2, "✗ OPS_PING is no http(s) address")


HIDDEN_WORD = "hunter2pw"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        pytest.param(
            f"https://me:{HIDDEN_WORD}@hc.invalid/{KEY}", "a user or a password before its host", id="password"
        ),
        pytest.param(f"https://hc.invalid/{KEY} {HIDDEN_WORD}", "a blank or a control character", id="blank"),
        pytest.param(f"https://hc.invalid/{KEY}\n{HIDDEN_WORD}", "a blank or a control character", id="line break"),
        pytest.param(f"https://hc.invalid:99999/{KEY}", "its host or its port is none", id="port of no machine"),
        pytest.param(f"https://hc.invalid:{HIDDEN_WORD}/{KEY}", "its host or its port is none", id="port of letters"),
        pytest.param(f"https://[::1/{KEY}", "its host or its port is none", id="half a host"),
    ],
)
def test_an_address_that_cannot_be_used_is_one_line_and_the_watch_goes_on(
    small: Stack, address: str, said: str
) -> None:
    code, out, err = ran(small, "watch.disk", OPS_PING=address)
    assert code == 0, err
    (line,) = err.splitlines()[:1]
    assert line.startswith("! OPS_PING is not used, so nobody is pinged: ")
    assert said in line
    assert KEY not in out + err
    assert HIDDEN_WORD not in out + err


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        pytest.param(f"http://me:{HIDDEN_WORD}@127.0.0.1/{KEY}", "InvalidURL", id="password"),
        pytest.param(f"http://127.0.0.1:1/{KEY} {HIDDEN_WORD}", "InvalidURL", id="blank"),
        pytest.param(f"http://127.0.0.1:{HIDDEN_WORD}/{KEY}", "InvalidURL", id="port"),
        pytest.param(f"http://127.0.0.1:1/{KEY}/größe", "UnicodeEncodeError", id="letters that are no ASCII"),
    ],
)
def test_what_is_told_of_a_failed_ping_has_no_part_of_its_address(
    address: str, kind: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pings, "PAUSE", 0.0)
    Pinger(address).end(0)
    told = capsys.readouterr().err
    assert told.endswith(f" failed: {kind}\n")
    assert KEY not in told
    assert HIDDEN_WORD not in told


@pytest.mark.parametrize(
    ("answers", "heard", "said"),
    [
        pytest.param([500, 200], 2, "", id="once more after a 500"),
        pytest.param([429, 200], 2, "", id="once more after a 429"),
        pytest.param([503], 2, "HTTP 503", id="twice and no more"),
        pytest.param([404], 1, "HTTP 404", id="an unknown check"),
        pytest.param([409], 1, "HTTP 409", id="an ambiguous check"),
        pytest.param([302], 1, "HTTP 302", id="nothing is followed"),
    ],
)
def test_answers(
    answers: list[int], heard: int, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pings, "PAUSE", 0.0)
    with listening() as receiver:
        receiver.answers = answers
        Pinger(f"{receiver.url}/{KEY}").start()
    assert len(receiver.heard) == heard
    told = capsys.readouterr().err
    assert (said in told) if said else told == ""
    assert KEY not in told


def test_nobody_listens(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pings, "PAUSE", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    Pinger(f"http://127.0.0.1:{port}/{KEY}").end(0)
    told = capsys.readouterr().err
    assert told.startswith(f"! the ping to http://127.0.0.1:{port}/... failed: ")
    assert KEY not in told


def test_a_receiver_that_hangs_costs_little(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pings, "SECONDS", 0.2)
    monkeypatch.setattr(pings, "PAUSE", 0.0)
    began = time.monotonic()
    with listening(threading.Event()) as receiver:
        Pinger(f"{receiver.url}/{KEY}").start()
        assert time.monotonic() - began < 5
    assert "timed out" in capsys.readouterr().err
    assert pings.TRIES * pings.SECONDS + pings.PAUSE <= 15


def test_a_failing_ping_fails_no_watch(small: Stack) -> None:
    with listening() as receiver:
        receiver.answers = [404]
        code, _, err = ran(small, "watch.disk", OPS_PING=f"{receiver.url}/{KEY}")
    assert code == 0
    assert "HTTP 404" in err
    assert KEY not in err


def test_a_secret_is_not_in_the_body_and_no_body_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TOKEN", "t0p-secret-value")
    with listening() as receiver:
        Pinger(receiver.url).end(1, "t0p-secret-value " + "x" * 200_000)
        Pinger(receiver.url).end(1, "it was t0p-secret-value")
    assert all("t0p-secret-value" not in ping.body for ping in receiver.heard)
    assert len(receiver.heard[0].body) == pings.LONGEST


def test_an_operation_has_an_address_of_its_own(small: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPS_PING_OPERATIONS", "https://example.invalid/{check}")
    assert pinger(small, "ops.backfill", operation=True).address == "https://example.invalid/ops-backfill"
    assert pinger(small, "watch.disk").address == ""


def heard_by(receiver: Receiver, part: str) -> list[str]:
    return [path.rpartition("/")[2] for path in receiver.paths if part in path]


@pytest.mark.parametrize("kind", ["snapshot"])
def test_a_snapshot_is_told_too(small: Stack, tmp_path: Path, kind: str) -> None:
    with listening() as receiver:
        code, _, err = ran(small, f"watch.{kind}", OPS_PING=f"{receiver.url}/k/{{check}}")
    assert code == 0, err
    assert heard_by(receiver, f"watch-{kind}") == ["start", f"watch-{kind}"]


def test_watches_that_would_share_a_check_are_refused_before_any_has_run(small: Stack) -> None:
    with listening() as receiver:
        code, out, err = ran(small, "watch.once", OPS_PING=f"{receiver.url}/{KEY}")
        assert (code, receiver.heard, (small.home / "watch").exists()) == (2, [], False)
        assert "OPS_PING: every watch needs a check of its own" in err
        assert "write {check} into it" in err
        assert KEY not in out + err
        code, _, err = ran(small, "watch.once", OPS_PING=f"{receiver.url}/{KEY}/{{check}}")
        assert code == 0, err
    for name in ("watch-snapshot", "watch-disk"):
        assert heard_by(receiver, name) == ["start", name]


def test_a_snapshot_that_meets_somebody_is_neither_a_failure_nor_begun(small: Stack, writing: Writing) -> None:
    with listening() as receiver:
        env = {"OPS_PING": f"{receiver.url}/{KEY}/{{check}}"}
        with writing(small.databases["raw"], "INSERT INTO t VALUES (1, 2)") as process:
            assert ran(small, "watch.snapshot", **env)[0] == 6
            assert ran(small, "watch.once", **env)[0] == 6
        with lock.held(small.home, "ops.backfill", "abc123"):
            assert ran(small, "watch.snapshot", **env)[0] == 6
    assert heard_by(receiver, "watch-snapshot") == ["log"] * 3
    assert f"PID {process.pid}" in receiver.heard[0].body
    assert "ops.backfill abc123 is running" in receiver.heard[-1].body
    assert heard_by(receiver, "watch-disk") == ["start", "watch-disk"]


def test_who_comes_while_a_snapshot_is_taken_is_no_failure_either(
    small: Stack, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object) -> None:
        raise Busy("somebody writes")

    monkeypatch.setattr(watching, "take", busy)
    with listening() as receiver:
        monkeypatch.setenv("OPS_PING", receiver.url)
        assert invoke(small, "watch.snapshot").code == 6
    assert receiver.paths == ["/start", "/log"]
    assert not (small.home / "watch").exists()


@pytest.mark.parametrize("words", [("watch.snapshot", "--min-minutes=50"), ("watch.once",)], ids=["snapshot", "once"])
def test_a_run_that_has_nothing_to_do_is_a_good_one(small: Stack, words: tuple[str, ...]) -> None:
    assert ran(small, "snapshot.create", "--name=by_hand")[0] == 0
    with listening() as receiver:
        ping = f"{receiver.url}/{KEY}/{{check}}"
        code, out, err = ran(small, *words, OPS_PING=ping)
        assert code == 0, err
        assert '"fresh": "by_hand"' in out
        assert heard_by(receiver, "watch-snapshot") == ["start", "watch-snapshot"]
        body = next(one.body for one in receiver.heard if one.path.endswith("/watch-snapshot"))
        assert body.startswith("by_hand is ")
        receiver.heard.clear()
        assert ran(small, *words, "--plan", OPS_PING=ping)[0] == 0
    assert receiver.heard == []
