"""What the diagnosis of a partial backfill finds: values only, and how they are written into the journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from pydantic import TypeAdapter

from ops_tasks.operation.plan import Refusal
from ops_tasks.scenarios.compare import Role
from ops_tasks.scenarios.lineage import RawTable
from ops_tasks.scenarios.window import Flag, Window


@dataclass(frozen=True)
class Survey:
    """A look at the live stack: what is deployed, which tables there are, and rows per day.

    `models` are those that are deployed, upstream first; `affected` those below the asked-for sources; `series` is
    table -> day -> rows for the dated tables among both, raw ones first.
    """

    sources: tuple[str, ...]
    today: date
    models: Mapping[str, Any]
    other_environments: Mapping[str, list[str]]
    columns: Mapping[str, dict[str, str]]
    tables: tuple[str, ...]
    raw: tuple[RawTable, ...]
    affected: tuple[str, ...]
    series: Mapping[str, dict[date, int]]
    chosen: tuple[str, ...] = ()
    """What was asked for where it was no source: models by name, or sources whose models are meant."""


@dataclass(frozen=True)
class Options:
    """What the person allowed."""

    allow_shrink: bool = False
    allow_history_loss: bool = False
    exclude: tuple[str, ...] = ()
    allow_growth: bool = False


@dataclass(frozen=True)
class Table:
    """A table to measure before and after; the fields of `duck_worker.Table`, and of `keys_worker.Keyed`."""

    name: str
    catalog: str
    schema: str
    table: str
    date_column: str | None
    parents: tuple[str, ...]
    exclude: tuple[str, ...]
    recomputed: bool
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dated:
    """A raw table exchanged by day; the fields of `raw_worker.Dated`."""

    table: str
    date_column: str
    primary_key: tuple[str, ...]
    children: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Reload:
    """One source to load again. `dated` are the tables that are exchanged, with `(child, parent)` pairs below them."""

    source: str
    catalog: str
    dataset: str
    dated: tuple[Dated, ...]
    left_alone: tuple[str, ...]
    in_place: bool


@dataclass(frozen=True)
class Facts:
    """Everything a backfill needs to know; enough to build its plan again after a kill."""

    operation: str
    window: Window
    today: date
    snapshot: str
    reloads: tuple[Reload, ...]
    restate: tuple[str, ...]
    restatements: Mapping[str, tuple[str, str]]
    kinds: Mapping[str, str]
    names: Mapping[str, str]
    measured: tuple[Table, ...]
    roles: Mapping[str, Role]
    contracts: tuple[str, ...]
    main_catalog: str
    options: Options
    snapshot_bytes: int
    free_bytes: int
    flags: tuple[Flag, ...] = ()
    notes: tuple[str, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    task: str = "ops.backfill"
    orphans: Mapping[str, int] = field(default_factory=dict[str, int])
    """Table -> rows without a parent, of the tables that are exchanged."""


_ADAPTER = TypeAdapter(Facts)


def to_json(facts: Facts) -> dict[str, Any]:
    """Facts as a JSON object."""
    return _ADAPTER.dump_python(facts, mode="json")


def from_json(value: Mapping[str, Any]) -> Facts:
    """Facts as they were written down."""
    return _ADAPTER.validate_python(value)
