"""Pings for a dead-man service, by the protocol of healthchecks.io: start, success, failure, exit status, run id.

https://healthchecks.io/docs/http_api/: ADDRESS/start, ADDRESS (success), ADDRESS/<exit status> (a failure unless 0),
ADDRESS/log (neither); `?rid=UUID` ties the two ends of a run together, a POST body is the run's log (100 kB are kept).
A ping that fails never fails what it is about: it is told on standard error, without the secret part of the address,
and that is all. So is an address that no request can be sent to.
"""

from __future__ import annotations

import os
import re
import sys
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
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

    def note(self, told: str) -> None:
        """Something was seen that is neither an end nor a failure: it is written into the service's log, no more."""
        self._send("log", redact(told).encode()[-LONGEST:])

    def _send(self, what: str, body: bytes = b"") -> None:
        if not self.address:
            return
        for attempt in range(TRIES):
            try:
                _post(_address(self.address, what, self.run), body)
            except HTTPError as error:
                why, again = f"HTTP {error.code}", error.code in AGAIN
                error.close()
            except OSError as error:  # URLError is one
                why, again = redact(str(getattr(error, "reason", error))) or type(error).__name__, True
            except (HTTPException, ValueError) as error:  # what they say has parts of the address in it
                why, again = type(error).__name__, True
            else:
                return
            if not again or attempt == TRIES - 1:
                sys.stderr.write(f"! the ping to {shown(self.address)} failed: {why}\n")
                return
            time.sleep(PAUSE)


def pinger(stack: Stack, task: str, *, operation: bool = False) -> Pinger:
    """The pinger of a task (`watch.heartbeat`): by the environment, else by the configuration, else one that is silent.

    It is silent too, and says so in a line, for an address that no request can be sent to, or that has a password in
    it. Raises `UsageError` for one in the environment that is no http(s) address at all.
    """
    name, address = configured(stack, operation=operation)
    if address and (why := _unusable(address)):
        sys.stderr.write(f"! {name} is not used, so nobody is pinged: {why}\n")
        return Pinger("")
    if address and (urlsplit(address).scheme not in ("http", "https") or not urlsplit(address).hostname):
        raise UsageError(f"{name} is no http(s) address", "for example https://hc-ping.com/YOUR-KEY/{check}")
    return Pinger(address.replace(PLACE, quote(task.replace(".", "-"))))


def configured(stack: Stack, *, operation: bool = False) -> tuple[str, str]:
    """The name of the setting that holds, and its address, which may be empty; `{check}` in it is not replaced yet."""
    name = OPERATIONS if operation else WATCHES
    if address := os.environ.get(name, "").strip():
        return name, address
    watch = stack.config.watch
    return ("ops.watch.operations", watch.operations or "") if operation else ("ops.watch.ping", watch.ping or "")


def refuse_shared(setting: str, address: str) -> None:
    """Raise `UsageError` for an address that several watches would share: the success of one would hide the failure of
    another, since a check is as its last ping says.
    """
    if address and PLACE not in address:
        way = f"write {PLACE} into it, for example https://hc-ping.com/YOUR-KEY/{PLACE}"
        raise UsageError(f"{setting}: every watch needs a check of its own, and the address has no {PLACE}", way)


def written(files: Iterable[Path]) -> tuple[str, str]:
    """The last of these files of variables that sets the address of the watches, and that address; else two empty ones.

    A file that is not there or may not be read sets nothing.
    """
    found = "", ""
    for file in files:
        try:
            text = file.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        for value in re.findall(rf"^\s*(?:export\s+)?{WATCHES}=(.*)$", text, re.MULTILINE):
            found = f"{WATCHES} in {file}", value.strip().strip("'\"")
    return found


def shown(address: str) -> str:
    """An address without its secrets: on such services the path is one."""
    try:
        parts = urlsplit(address)
        return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}/..."
    except ValueError:
        return "an address that is none"


def _unusable(address: str) -> str:
    """Why nothing is sent to an address; without any part of it."""
    if any(letter.isspace() or not letter.isprintable() for letter in address):
        return "it has a blank or a control character in it"
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return "its host or its port is none"
    # urllib would look for a host of that name.
    return "it has a user or a password before its host" if "@" in parts.netloc else ""


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
