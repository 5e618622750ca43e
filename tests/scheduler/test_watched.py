"""`watch.heartbeat` with a real daemon and a real web server, and bad input of `ops.resume`."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from datetime import timedelta
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from sandbox import run, scheduler
from tests.scheduler.conftest import Outage
from tests.watch.receiver import listening


@pytest.mark.rehearsal
def test_alive_and_killed_and_a_web_server_that_knows_nothing_of_it(outage: Outage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    home = "    module: databox.definitions\n"
    outage.configured(home, f"{home}    webserver: http://127.0.0.1:{port}\n")
    # Only what is due from now on counts: nothing was missed here.
    outage.ticked({"all_pipelines_schedule": outage.fires(6), "ebird_daily_schedule": outage.fires(5)})
    command = [sys.executable, "-m", "dagster_webserver", "-w", "workspace.yaml", "-p", str(port), "-h", "127.0.0.1"]
    nowhere = subprocess.DEVNULL
    web = subprocess.Popen(
        command, cwd=outage.folder, env=run.environment(outage.folder), stdout=nowhere, stderr=nowhere
    )
    process = scheduler.start(outage.folder)
    try:
        wait_for(f"http://127.0.0.1:{port}/server_info")
        with listening() as receiver:
            well = outage.invoke("watch.heartbeat", env={"OPS_PING": f"{receiver.url}/{{check}}"})
            causes = well.document["causes"]
            assert causes in ([], ["late"]), well.err  # the marts are days old: nobody has run anything since
            assert receiver.paths[0] == "/watch-heartbeat/start"
        scheduler.kill(process)
        scheduler.shift(outage.folder, timedelta(seconds=130))
        dead = outage.invoke("watch.heartbeat")
        assert dead.code == 1
        assert "no process of it is there: it is dead" in dead.err
        assert "web" not in dead.document["causes"]
        assert any("the web server answers" in line for line in dead.document["said"])
    finally:
        web.terminate()
        web.wait(20)
    both = outage.invoke("watch.heartbeat")
    assert {"daemon", "web"} <= set(both.document["causes"])


def wait_for(address: str) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            with urlopen(address, timeout=2):  # noqa: S310 - http, of this test
                return
        except (URLError, OSError):
            time.sleep(0.1)
    raise AssertionError(f"{address} does not answer")


@pytest.mark.rehearsal
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--turn-on=ebird_daly_schedule",), "unknown schedule 'ebird_daly_schedule'"),
        (("--reprocess=all",), "--reprocess: 'all' is unknown"),
        (("--since=2026-13-01",), "--since: '2026-13-01' is no date and no time"),
        (("--since=2030-01-01",), "--since is not before --until"),
        (("--since=2026-01-01", "--until=2039-01-01"), "--until: 2039-01-01 00:00 is still to come"),
    ],
)
def test_bad_input_is_one_line(outage: Outage, words: tuple[str, ...], said: str) -> None:
    before = outage.hashes()
    told = outage.invoke("ops.resume", *words, "--yes")
    assert (told.code, told.err.splitlines()[0]) == (2, f"✗ {said}")
    assert outage.hashes() == before
    assert scheduler.daemons(outage.folder) == []
