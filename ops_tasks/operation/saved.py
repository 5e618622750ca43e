"""A plan in a file: what would be done, and every fact it rests on, so that exactly that can be applied later."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from ops_tasks import whole_files
from ops_tasks.errors import UsageError
from ops_tasks.operation.plan import Plan

SCHEMA = "ops-plan/1"
ABSENT = "absent"


@dataclass(frozen=True)
class Saved:
    """A saved plan. `made` is when, in UTC; `command` plans it anew; `basis` is fact -> value at that time.

    `stack` is the file that describes the stack that it is a plan of.
    """

    task: str
    operation: str
    title: str
    arguments: Mapping[str, Any]
    made: str
    command: str
    stack: str
    basis: Mapping[str, str]
    steps: list[dict[str, str]]
    effects: list[dict[str, Any]]
    notes: list[str] = field(default_factory=list[str])


@dataclass(frozen=True)
class Changed:
    """A fact that is no longer what it was."""

    fact: str
    then: str
    now: str


def of(plan: Plan, command: str, stack: str, basis: Mapping[str, str]) -> Saved:
    """The plan of a stack with its facts."""
    return Saved(
        plan.task,
        plan.operation,
        plan.title,
        plan.arguments,
        datetime.now(UTC).isoformat(timespec="seconds"),
        command,
        stack,
        basis,
        [{"name": step.name, "title": step.title, "equivalent": step.equivalent} for step in plan.steps],
        [asdict(effect) for effect in plan.effects],
        list(plan.notes),
    )


def shown(saved: Saved) -> dict[str, str]:
    """What a person was shown of a plan, to be compared with what it is when it is built again."""
    told = {f"step {one['name']}": f"{one['title']} {one['equivalent']}".strip() for one in saved.steps}
    told |= {"order of the steps": ", ".join(one["name"] for one in saved.steps)}
    for one in saved.effects:
        name, what = f"effect on {one['object']}", one["what"] + (f" ({one['bytes']:,} bytes)" if one["bytes"] else "")
        told[name] = f"{told[name]}; {what}" if name in told else what
    return told


def check_place(path: Path) -> None:
    """Raise `UsageError` for a place that is no place for a plan: planning takes long, and this can be told first."""
    if path.is_dir() or not path.parent.is_dir():
        raise UsageError(f"{path} cannot be written: {'a folder' if path.is_dir() else f'no folder {path.parent}'}")
    if path.exists():
        read(path, f"give another name: {path} is no plan, and is not overwritten")


def write(saved: Saved, path: Path) -> None:
    """Write a plan, at once and for its owner alone; raises `UsageError` for a place that is no place for it."""
    check_place(path)
    body = json.loads(json.dumps({"schema": SCHEMA, **asdict(saved)}, default=str))
    text = json.dumps({**body, "digest": _digest(body)}, indent=1) + "\n"
    try:
        whole_files.write(path, text, mode=0o600)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}", "give another name") from None


def read(path: Path, way_out: str = "save one: --plan-out=FILE") -> Saved:
    """A saved plan; `UsageError` for a file that is none, is of another version, or was edited."""
    try:
        told: object = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"no file {path}", way_out) from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UsageError(f"{path} is no saved plan: {str(error).splitlines()[0]}", way_out) from None
    body = dict(cast("dict[str, Any]", told)) if isinstance(told, dict) else {}
    if body.get("schema") != SCHEMA:
        raise UsageError(f"{path} is no saved plan of this version ({body.get('schema', 'no schema')!r})", way_out)
    if body.pop("digest", None) != _digest(body):
        raise UsageError(f"{path} was changed after it was saved: its digest is wrong", "plan it again")
    del body["schema"]
    try:
        return Saved(**body)
    except TypeError as error:
        raise UsageError(f"{path} is no saved plan: {error}", way_out) from None


def differences(then: Mapping[str, str], now: Mapping[str, str]) -> list[Changed]:
    """Facts that changed, those of the old ones first, then those that are new."""
    names = [*then, *(name for name in now if name not in then)]
    return [
        Changed(name, then.get(name, ABSENT), now.get(name, ABSENT))
        for name in names
        if then.get(name) != now.get(name)
    ]


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True, default=str).encode()).hexdigest()
