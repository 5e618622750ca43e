"""What a recovery of the whole stack (rebuild, restore, repair) needs to know: values, and how they are journaled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from ops_tasks.operation.plan import Refusal
from ops_tasks.scenarios.moments import Past


@dataclass(frozen=True)
class Options:
    """What the person allowed."""

    allow_history_loss: bool = False
    accept_red: bool = False


@dataclass(frozen=True)
class Look:
    """What a table had before; `where` says in which copy that was seen. The fields of `history_worker.Look`."""

    rows: int
    days: int
    first: str | None
    last: str | None
    where: str


@dataclass(frozen=True)
class Keep:
    """A table whose rows are taken over from `snapshot` (the operation's own, or an older one) before it is computed.

    `table` is where they are there: `catalog.schema.table`.
    """

    model: str
    name: str
    snapshot: str
    table: str


@dataclass(frozen=True)
class Bring:
    """What is brought back from a snapshot: the whole set, or `only` these databases and folders of it."""

    snapshot: str
    only: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Place:
    """A plain file that takes a database's place."""

    source: str
    sha256: str
    target: str


@dataclass(frozen=True)
class Facts:
    """Everything such a recovery needs to know; enough to build its plan again after a kill.

    `gone`: databases that another file replaces; `wals`: logs that are taken away from a file that stays. `refills`:
    sources to load again. `anew`: sources whose models are computed anew all the same, `everything`: every model.
    `past`: the whole set as it was, laid beside the present first unless it is restored `in_place`.
    `before`: what models (quoted) and raw tables (dotted) had. `compute`: whether SQLMesh has anything to mend.
    """

    task: str
    operation: str
    title: str
    snapshot: str
    forensic: bool
    options: Options
    gone: tuple[str, ...] = ()
    wals: tuple[str, ...] = ()
    bring: tuple[Bring, ...] = ()
    place: Place | None = None
    past: Past | None = None
    in_place: bool = False
    refills: tuple[str, ...] = ()
    anew: tuple[str, ...] = ()
    fresh_state: bool = False
    compute: bool = False
    everything: bool = False
    keeps: tuple[Keep, ...] = ()
    before: Mapping[str, Look] | None = None
    manifest_rows: bool = False
    bytes: int = 0
    free_bytes: int = 0
    notes: tuple[str, ...] = ()
    refusals: tuple[Refusal, ...] = ()


_ADAPTER = TypeAdapter(Facts)


def to_json(facts: Facts) -> dict[str, Any]:
    """Facts as a JSON object."""
    return _ADAPTER.dump_python(facts, mode="json")


def from_json(value: Mapping[str, Any]) -> Facts:
    """Facts as they were written down."""
    return _ADAPTER.validate_python(value)
