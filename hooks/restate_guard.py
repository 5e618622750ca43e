"""`ops-restate-guard`: no restatement outside of the guarded tasks, and none without a recent verified snapshot.

With file names it looks for calls in them; with `--check` it asks the stack, and runs a command if that may be.
"""

from __future__ import annotations

import argparse
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ops_tasks.errors import OpsError, UsageError

from .edge import complain, say

if TYPE_CHECKING:
    from .calls import Call

EXAMPLE = """examples:
  ops-restate-guard jobs/nightly.sh .github/workflows/load.yml
  ops-restate-guard --check
  ops-restate-guard --check --max-age=6h -- sqlmesh plan prod --restate-model ebird.fct_daily

exit: 0 fine · 1 refused · 2 it cannot be decided; behind `--`, the exit code of the command"""
WAY = "use invoke ops.restate or invoke ops.backfill, put `ops-restate-guard --check --` before the command"
ALLOW = "or say why it is safe: # ops-allow: restate -- <reason>"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the hook; see `--help`."""
    words = list(sys.argv[1:] if argv is None else argv)
    command: list[str] | None = None
    if "--" in words and "--check" in words[: words.index("--")]:
        words, command = words[: words.index("--")], words[words.index("--") + 1 :]
    asked = _arguments().parse_args(words)
    try:
        return _check(asked, command) if asked.check else _look(asked)
    except UsageError as error:
        complain(f"ops-restate-guard: {error}\n")
        return error.exit_code


def _look(asked: Any) -> int:
    if asked.max_age or asked.stack:
        raise UsageError("--max-age and --stack go with --check", "ops-restate-guard --check --max-age=24h")
    if not asked.filenames:
        raise UsageError("no file to look at, and no --check", "ops-restate-guard FILE...")
    calls = [call for name in asked.filenames for call in calls_in(name)]
    for call in calls:
        say(_line(call))
    refused = [call for call in calls if not call.allowed]
    if refused:
        say(f"{len(refused)} of {len(calls)} restatements are outside of the guard: {WAY}, {ALLOW}\n")
    else:
        say(f"{len(asked.filenames)} files: no restatement outside of the guard, {len(calls)} allowed\n")
    return 1 if refused else 0


def calls_in(name: str) -> list[Call]:
    """Every restatement that a file calls; `UsageError` for one that cannot be read."""
    from .restatements import find

    file = Path(name)
    if file.is_symlink() or file.is_dir():
        return []  # a link's target is judged where it is; a folder is a submodule
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror}", "name a file that is there") from None
    return find(name, content)


def _line(call: Call) -> str:
    verdict = f"allowed: {call.allowed}" if call.allowed else "restates without the guard"
    return f"{call.file}:{call.line}:{call.column}: {verdict}: {call.text}\n"


def _check(asked: Any, command: list[str] | None) -> int:
    from ops_tasks import durations, stack
    from ops_tasks.guard.evidence import permit

    if asked.filenames:
        raise UsageError("--check takes no files", "a command goes behind --")
    if command is not None and not command:
        raise UsageError("no command behind --", "ops-restate-guard --check -- sqlmesh plan prod --restate-model ...")
    limit = durations.parse(asked.max_age, "--max-age") if asked.max_age else None
    found = stack.find(asked.stack)
    try:
        given = permit(found, limit)
    except UsageError:
        raise
    except OpsError as error:
        complain(f"ops-restate-guard: refused: {error.reason}\n")
        complain(f"  → {error.way_out}\n" if error.way_out else "")
        return 1
    mark = "!" if given.override else "ops-restate-guard:"
    complain(f"{mark} {given.words}\n")
    return 0 if command is None else _run(command)


def _run(command: list[str]) -> int:
    """The exit code of a command; 128 and the signal's number where one has killed it, as a shell says it."""
    try:
        code = subprocess.run(command, check=False).returncode
    except OSError as error:
        raise UsageError(f"{shlex.join(command)} cannot be run: {error.strerror}", "is it installed?") from None
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return code if code >= 0 else 128 - code


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "ops-restate-guard",
        description="Refuse restatements outside of the guarded tasks, and without a recent verified snapshot.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("filenames", nargs="*", metavar="FILE", help="script, workflow, Makefile or Python file")
    parser.add_argument("--check", action="store_true", help="ask the stack whether a restatement is safe now")
    parser.add_argument("--max-age", metavar="SPAN", default="", help="how old the snapshot may be (24h, 2d)")
    parser.add_argument("--stack", metavar="DIR", default="", help="folder of the stack (default: the nearest)")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
