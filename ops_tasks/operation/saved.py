"""A plan in a file: what was shown, what it rests on, and a digest of both, to be applied later exactly so."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, cast

from ops_tasks.errors import UsageError
from ops_tasks.operation.journal import Event, Record, operations
from ops_tasks.operation.plan import Plan

SCHEMA = "ops-plan/1"
AGAIN = "make the plan again with --plan-out"
MODE = 0o600
Redact = Callable[[str], str]


@dataclass(frozen=True)
class Saved:
    """A plan as it is written down. `arguments` are enough to build it again, `basis` is what it rests on.

    `command` makes the same plan anew, `made` is an ISO time in UTC, `stack` the file that describes the stack.
    """

    task: str
    operation: str
    title: str
    command: str
    arguments: Mapping[str, Any]
    made: str
    stack: str
    basis: Mapping[str, Any]
    steps: list[dict[str, str]]
    effects: list[dict[str, Any]]
    notes: list[str]

    def record(self, home: Path) -> Record:
        """The operation as its journal would tell it, had it begun: what a plan is built again from."""
        planned = {"task": self.task, "title": self.title, "arguments": self.arguments}
        return Record(self.operation, operations(home) / self.operation, (Event(self.made, "planned", None, planned),))


def of(plan: Plan, *, made: str, stack: str, command: str, basis: Mapping[str, Any], redact: Redact = str) -> Saved:
    """A plan as it is saved; secrets in what is shown of it are hidden."""
    saved = Saved(
        task=plan.task,
        operation=plan.operation,
        title=redact(plan.title),
        command=redact(command),
        arguments=plan.arguments,
        made=made,
        stack=stack,
        basis=basis,
        steps=[{"name": s.name, "title": redact(s.title), "equivalent": redact(s.equivalent)} for s in plan.steps],
        effects=[asdict(effect) | {"what": redact(effect.what)} for effect in plan.effects],
        notes=[redact(note) for note in plan.notes],
    )
    return _saved(json.loads(json.dumps(asdict(saved), default=str)))


def differences(saved: Saved, plan: Saved) -> list[tuple[str, str, str]]:
    """Where a plan that was built again is not the one that was saved: (what, then, now)."""
    found: list[tuple[str, str, str]] = []
    for word, key, then, now in (
        ("step", "name", saved.steps, plan.steps),
        ("effect on", "object", saved.effects, plan.effects),
    ):
        for before, after in zip(then, now, strict=False):
            if before != after:
                found.append((f"{word} {before[key]}", _one_line(before), _one_line(after)))
        if len(then) != len(now):
            found.append((f"{word.split()[0]}s", str(len(then)), str(len(now))))
    return found


def check_target(file: Path) -> None:
    """Raise `UsageError` where a plan cannot be saved: no folder, or a file that is no plan of ours."""
    if not file.parent.is_dir():
        raise UsageError(f"{file.parent} is no folder", "give --plan-out a file in a folder that exists")
    if file.is_symlink() or (file.exists() and not file.is_file()):
        raise UsageError(f"{file} is no plain file", "give --plan-out another name")
    if file.exists():
        try:
            _parsed(file)
        except UsageError as error:
            reason = f"{file} is not overwritten: {error.reason.removeprefix(f'{file} ')}"
            raise UsageError(reason, "give --plan-out another name") from None


def write(file: Path, saved: Saved, redact: Redact = str) -> str:
    """Write a plan at once or not at all, for nobody else to read; returns its digest.

    Raises `UsageError` where a secret would be written with it, or something else would be overwritten.
    """
    check_target(file)
    told: dict[str, Any] = {"schema": SCHEMA, **asdict(saved)}
    told["digest"] = _digest(told)
    text = json.dumps(told, indent=1) + "\n"
    if redact(text) != text:
        reason = f"a secret is the same as something in this plan, so {file} could not be read again"
        raise UsageError(f"{reason}; nothing was saved", "rename one of them")
    fresh = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(file)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise UsageError(f"{file} cannot be written: {error.strerror}", "give --plan-out another name") from None
    return str(told["digest"])


def read(file: Path) -> Saved:
    """The plan of a file; `UsageError` for whatever is not exactly what `write` wrote."""
    told = _parsed(file)
    digest = told.pop("digest", None)
    if digest != _digest(told):
        raise UsageError(f"{file} was changed after it was saved: its digest is not that of its content", AGAIN)
    del told["schema"]
    return _saved(told)


def _saved(told: dict[str, Any]) -> Saved:
    if set(told) != {field.name for field in fields(Saved)}:
        raise UsageError(f"a plan of {SCHEMA} has other keys than {', '.join(sorted(told))}", AGAIN)
    return Saved(**told)


def _parsed(file: Path) -> dict[str, Any]:
    try:
        told: object = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{file} does not exist", "give the file that --plan-out has written") from None
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise UsageError(f"{file} is no saved plan: it is not JSON", AGAIN) from None
    schema = cast("dict[str, Any]", told).get("schema") if isinstance(told, dict) else None
    if schema != SCHEMA:
        what = f"its schema is {schema!r}, not {SCHEMA!r}" if schema else "it has no schema"
        raise UsageError(f"{file} is no saved plan: {what}", AGAIN)
    return cast("dict[str, Any]", told)


def _digest(told: Mapping[str, Any]) -> str:
    """sha256 of everything but the digest itself, in one spelling."""
    text = json.dumps(told, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _one_line(told: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}: {value}" for key, value in told.items() if value is not None).replace("\n", "; ")
