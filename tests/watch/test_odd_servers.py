"""Servers that speak another language, or drip; and a disk that takes nothing: the watch tells all the same."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ops_tasks.scenarios import heartbeat
from ops_tasks.stack import Stack
from ops_tasks.systems import pings
from ops_tasks.systems.pings import Pinger
from tests.conftest import finish
from tests.watch.conftest import OPS
from tests.watch.receiver import listening


@contextmanager
def saying(*parts: bytes, pause: float = 0.0) -> Generator[str]:
    """A server that answers every connection with these bytes, one after the other, whatever was asked."""
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                for part in parts:
                    try:
                        connection.sendall(part)
                    except OSError:
                        break
                    if pause and over.wait(pause):
                        break

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            over.set()
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def http(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(body), body)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", "does not answer: ", id="another protocol"),
        pytest.param(http(b"[]"), "is no Dagster web server", id="a list"),
        pytest.param(http(b"3"), "is no Dagster web server", id="a number"),
        pytest.param(http(b"<html>"), "does not answer: ", id="a page"),
        pytest.param(b"", "does not answer: ", id="nothing"),
    ],
)
def test_an_odd_web_server_is_a_finding(answer: bytes, said: str) -> None:
    with saying(answer) as address:
        wrong, version = heartbeat.web_server(address)
    assert wrong is not None
    assert said in wrong
    assert "\n" not in wrong
    assert version == ""


DRIP = (b"HTTP/1.1 200 OK\r\nX: ", *[b"x"] * 200)


def test_a_receiver_that_drips_costs_no_more_than_one_that_hangs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pings, "SECONDS", 0.3)
    monkeypatch.setattr(pings, "PAUSE", 0.0)
    began = time.monotonic()
    with saying(*DRIP, pause=0.1) as address:
        Pinger(address).start()
        assert time.monotonic() - began < 5
    assert "timed out" in capsys.readouterr().err


def test_a_web_server_that_drips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "WEB_SECONDS", 0.3)
    with saying(*DRIP, pause=0.1) as address:
        assert heartbeat.web_server(address)[0] == f"{address}/server_info does not answer: timed out"


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk without a free byte."""
    mount = tmp_path / "full"
    mount.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(mount)], check=True)
    try:
        with (mount / "filler").open("wb", buffering=0) as file:
            try:
                while file.write(b"x" * 4096):
                    pass
            except OSError:
                pass
        yield mount
    finally:
        subprocess.run(["umount", "--lazy", str(mount)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_measurements_that_cannot_be_written_are_a_finding_and_everybody_is_told(small: Stack, full: Path) -> None:
    with listening() as receiver:
        command = [*OPS, "watch.disk", f"--stack={small.root}", f"--prom={full}/x.prom", "--json"]
        done = finish(command, env={"OPS_PING": f"{receiver.url}/key"})
    assert done.code == 1, done.err
    (found,) = json.loads(done.out)["findings"]
    assert found["object"] == "prom"
    assert "No space left on device" in found["reason"]
    assert [ping.path for ping in receiver.heard] == ["/key/start", "/key/1"]
    assert "No space left on device" in receiver.heard[-1].body
