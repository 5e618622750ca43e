"""Losing the connection at a statement that a test has chosen, and the log of what was sent to the account."""

from __future__ import annotations

import fcntl
import re
from typing import Any

from sandbox.motherduck.server import Server


def counts_everything(account: Server) -> bool:
    """Whether every statement is counted, not only those for the account."""
    return account.faults().get("scope") == "all"


def lose(duckdb: Any, account: Server, when: str, statement: str, *, every: bool = False) -> None:
    """Count a statement, and lose the connection where that is asked for."""
    told = account.faults()
    if not told or (not every and told["scope"] == "all"):
        return
    with (account.folder / "faults.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        told = account.faults()
        if not told or told["when"] != when or not re.search(told["matching"], statement, re.IGNORECASE):
            return
        told["seen"] += 1
        account.set_faults(told)
    if told["at"] <= told["seen"] < told["at"] + told["times"]:
        raise duckdb.IOException("IO Error: the connection to MotherDuck was lost")


def note(account: Server, statement: str) -> None:
    """Log a command, which never has a token."""
    with (account.folder / "statements.log").open("a", encoding="utf-8") as file:
        file.write(" ".join(statement.split()) + "\n")
