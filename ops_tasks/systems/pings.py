"""Pings for a dead-man service, by the protocol of healthchecks.io: start, success, failure, exit status, run id.

https://healthchecks.io/docs/http_api/: ADDRESS/start, ADDRESS (success), ADDRESS/<exit status> (a failure unless 0);
`?rid=UUID` ties the two ends of a run together, a POST body is the run's log (100 kB are kept). A ping that fails never
fails what it is about: it is told on standard error, without the secret part of the address, and that is all.
"""

from __future__ import annotations

import os
import sys
import time
import uuid
from dataclasses import dataclass, field
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from ops_tasks.errors import UsageError
from ops_tasks.stack import Stack
from ops_tasks.systems.secrets import redact
from ops_tasks.systems.web import ask

WATCHES, OPERATIONS = "OPS_PING", "OPS_PING_OPERATIONS"
SECONDS, PAUSE, TRIES = 5.0, 1.0, 2
LONGEST = 100_000
PLACE = "{check}"
AGAIN = {429, 500, 502, 503, 504}


@dataclass
class Pinger:
    """One run of one check; without an address it does nothing."""

    address: str
    run: str = field(default_factory=lambda: str(uuid.uuid4()))

    def start(self) -> None:
        """The run begins."""
        self._send("start")

    def end(self, code: int, told: str = "") -> None:
        """The run has ended: 0 is a success, everything else is sent as its exit status."""
        self._send(str(code) if code else "", redact(told).encode()[-LONGEST:])

    def _send(self, what: str, body: bytes = b"") -> None:
        if not self.address:
            return
        for attempt in range(TRIES):
            try:
                _post(_address(self.address, what, self.run), body)
            except HTTPError as error:
                why, again = f"HTTP {error.code}", error.code in AGAIN
                error.close()
            except (URLError, OSError, HTTPException, ValueError) as error:
                why, again = str(getattr(error, "reason", error)) or type(error).__name__, True
            else:
                return
            if not again or attempt == TRIES - 1:
                sys.stderr.write(f"! the ping to {shown(self.address)} failed: {why}\n")
                return
            time.sleep(PAUSE)


def pinger(stack: Stack, task: str, *, operation: bool = False) -> Pinger:
    """The pinger of a task (`watch.heartbeat`): by the environment, else by the configuration, else one that is silent.

    Raises `UsageError` for an address in the environment that is none.
    """
    watch = stack.config.watch
    name = OPERATIONS if operation else WATCHES
    address = os.environ.get(name, "").strip() or (watch.operations if operation else watch.ping) or ""
    if address and (urlsplit(address).scheme not in ("http", "https") or not urlsplit(address).hostname):
        raise UsageError(f"{name} is no http(s) address", "for example https://hc-ping.com/YOUR-KEY/{check}")
    return Pinger(address.replace(PLACE, quote(task.replace(".", "-"))))


def shown(address: str) -> str:
    """An address without its secrets: on such services the path is one."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}/..."


def _address(address: str, what: str, run: str) -> str:
    parts = urlsplit(address)
    path = f"{parts.path.rstrip('/')}/{what}" if what else parts.path
    query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), ("rid", run)])
    return urlunsplit((parts.scheme, parts.netloc, path, query, ""))


class _Stay(HTTPRedirectHandler):
    """urllib follows a redirected POST as a GET without its body; a ping goes where it was told to go."""

    def redirect_request(self, *_: object, **__: object) -> None:
        """Follow nothing."""


def _post(address: str, body: bytes) -> None:
    request = Request(address, data=body, method="POST", headers={"User-Agent": "ops-tasks"})  # noqa: S310 - checked
    ask(build_opener(_Stay), request, SECONDS, 1024)
