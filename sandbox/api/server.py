"""The HTTP server of the APIs: in a thread for tests, as a process of its own for a stack that is up."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

from sandbox.api import state as states
from sandbox.api.answers import BadRequest, NotFound, answer
from sandbox.api.faults import Broken
from sandbox.errors import SandboxError

SERVER = "server.json"
LOG = "server.log"
HOST = "127.0.0.1"
PATIENCE = 15.0


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Without this, keep-alive answers wait 40 ms for Nagle's algorithm and the client's delayed ACK.
    disable_nagle_algorithm = True
    folder: Path
    token = ""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path == "/healthz":
            self._send(200, {"folder": str(self.folder), "pid": os.getpid(), "token": self.token})
            return
        try:
            self._send(200, answer(parts.path, dict(parse_qsl(parts.query)), states.read(self.folder)))
        except Broken as error:
            self._send(500, {"error": str(error)})
        except (BadRequest, ValueError) as error:
            self._send(400, {"error": str(error)})
        except NotFound as error:
            self._send(404, {"error": f"no such address: {error}"})
        except SandboxError as error:
            self._send(503, {"error": str(error)})

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _send(self, status: int, document: Any) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up (a killed load) is no error of ours."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def serve(folder: Path, port: int = 0) -> Generator[str]:
    """Serve the APIs of the stack in `folder` from a thread and yield their address.

    The address is also written to `.sandbox/server.json`, where the stack finds it; the file goes when the block ends.
    `port` is only a wish: where it is taken, a free one is used.
    """
    folder = folder.resolve()
    states.read(folder)
    handler = type("Handler", (_Handler,), {"folder": folder, "token": os.urandom(8).hex()})
    server = _listen(port, cast("type[BaseHTTPRequestHandler]", handler))
    address = {"url": f"http://{HOST}:{server.server_port}", "port": server.server_port, "pid": os.getpid()}
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    file = folder / states.FOLDER / SERVER
    states.write_json(file, address)
    try:
        yield str(address["url"])
    finally:
        if _address(folder) == address:
            file.unlink(missing_ok=True)
        server.shutdown()
        server.server_close()
        thread.join()


def _listen(port: int, handler: type[BaseHTTPRequestHandler]) -> _Server:
    try:
        return _Server((HOST, port), handler)
    except OSError:
        if not port:
            raise
        return _Server((HOST, 0), handler)


def run(folder: Path) -> None:
    """Serve until SIGTERM or SIGINT, or until the folder is gone or has another server.

    The port of an earlier run is taken again where it is free.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _set(stop))
    with serve(folder, int((_address(folder) or {}).get("port", 0))) as url:
        sys.stderr.write(f"serving {folder} on {url}\n")
        sys.stderr.flush()
        while not stop.wait(1.0):
            if (_address(folder) or {}).get("pid") != os.getpid():
                return


def _set(event: threading.Event) -> Callable[[int, FrameType | None], None]:
    return lambda _number, _frame: event.set()


def alive(folder: Path) -> str | None:
    """Return the address of the server of `folder`, or None when nothing answers there for this very folder."""
    address = _address(folder)
    if address is None:
        return None
    connection = HTTPConnection(HOST, int(address["port"]), timeout=2)
    try:
        connection.request("GET", "/healthz")
        told = json.loads(connection.getresponse().read())
    except (OSError, ValueError, HTTPException):
        return None
    finally:
        connection.close()
    same = told.get("folder") == str(folder.resolve()) and told.get("pid") == address["pid"]
    return str(address["url"]) if same else None


def start(folder: Path) -> str:
    """Return the address of a running server for `folder`, after starting one that outlives us if there is none."""
    folder = folder.resolve()
    running = alive(folder)
    if running is not None:
        return running
    home = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [str(home), os.environ.get("PYTHONPATH")]))}
    log = folder / states.FOLDER / LOG
    with log.open("w", encoding="utf-8") as output:
        done = subprocess.run(
            [sys.executable, "-m", "sandbox.api", "--detach", str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            cwd=folder,
            check=False,
        )
    running = alive(folder)
    if done.returncode or running is None:
        raise SandboxError(f"the API server did not start: {log.read_text(encoding='utf-8').strip()[-300:] or log}")
    return running


def detach(folder: Path) -> int | None:
    """Go on as two processes: the child, which is to serve, gets None; the parent waits and gets an exit code."""
    child = os.fork()
    if not child:
        os.setsid()
        return None
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and os.waitpid(child, os.WNOHANG) == (0, 0):
        if alive(folder) is not None:
            return 0
        time.sleep(0.02)
    return 1


def stop(folder: Path) -> bool:
    """Stop the server of `folder`; false when none was running. Only a process that answers as this server is ended."""
    address = _address(folder)
    file = folder / states.FOLDER / SERVER
    if alive(folder) is None or address is None:
        file.unlink(missing_ok=True)
        return False
    pid = int(address["pid"])
    if pid == os.getpid():
        raise SandboxError("the server runs in this very process: leave its `serve` block instead")
    os.kill(pid, signal.SIGTERM)
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if alive(folder) is None:
            file.unlink(missing_ok=True)
            return True
        time.sleep(0.03)
    raise SandboxError(f"the API server (process {pid}) does not stop")


def _address(folder: Path) -> dict[str, Any] | None:
    try:
        return cast("dict[str, Any]", json.loads((folder / states.FOLDER / SERVER).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None
