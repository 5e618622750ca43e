"""What has to be computed anew so that SQLMesh's state, its tables and the raw data agree. Rules and values only."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

LAST = "last"


@dataclass(frozen=True)
class Model:
    """A model of one environment, in the words of `sqlmesh_mend_worker.Deployed`."""

    environment: str
    model: str
    name: str
    kind: str
    table: str
    view: str
    upstream: tuple[str, ...]
    time_column: str | None
    whole_history: bool
    scd: bool
    table_exists: bool
    view_exists: bool
    lacks_from: str | None

    @property
    def goes_on(self) -> bool:
        """Whether its table holds what the raw data alone may not give back: it is added to, run after run."""
        return self.scd or self.kind.startswith("INCREMENTAL")


_ADAPTER = TypeAdapter(tuple[Model, ...])


def from_worker(rows: Sequence[Mapping[str, Any]]) -> tuple[Model, ...]:
    """Models as the worker describes them."""
    return _ADAPTER.validate_python(rows)


def lost(models: Sequence[Model]) -> list[Model]:
    """Models whose physical table is not there."""
    return [model for model in models if not model.table_exists]


def disagreements(models: Sequence[Model]) -> list[str]:
    """A line for every way in which state and warehouse disagree."""
    told = [f"{m.environment}: {m.name} has no physical table ({m.table})" for m in models if not m.table_exists]
    told += [f"{m.environment}: {m.name} has no view ({m.view})" for m in models if not m.view_exists]
    told += [f"{m.environment}: {m.name} lacks the days from {m.lacks_from} on" for m in models if m.lacks_from]
    return list(dict.fromkeys(told))


def days(
    models: Sequence[Model],
    *,
    seeded: Collection[str] = (),
    reach: Mapping[str, str | None] | None = None,
    stale: Collection[str] | None = None,
    emptied: bool = False,
) -> dict[str, str | None]:
    """Return model -> first day to compute (None: all of it, LAST: its last interval), for `sqlmesh_mend_worker.mend`.

    Computed are models whose table is lost, time-range models from the day that they lack on and, since a warehouse
    that lacks days is older than its state, everything else that is not a view; `stale` names models that are to be
    computed anew in any case, `emptied` says that they hold nothing but their seeds. Nothing is asked of a day that
    the raw data no longer reaches (`reach`: model -> first day) of a model that has older ones: those that are
    `seeded` and those whose table is there.
    """
    behind = min((model.lacks_from for model in models if model.lacks_from), default=None)
    found: dict[str, str | None] = {}
    for model in models:
        first = (reach or {}).get(model.model)
        if (emptied or not model.table_exists) and model.model not in seeded:
            found[model.model] = None
        elif model.model in (stale or ()) or not model.table_exists:
            found[model.model] = _anew(model, first)
        elif behind is not None and model.kind != "VIEW":
            found[model.model] = model.lacks_from or _anew(model, max(filter(None, (behind, first)), default=behind))
    return found


def _anew(model: Model, first: str | None) -> str | None:
    if model.scd:
        return LAST
    return first if model.goes_on and not model.kind.endswith("PARTITION") else None


def below(models: Sequence[Model], roots: Collection[str]) -> set[str]:
    """Every model that depends, directly or not, on one of the quoted tables `roots`; `models` upstream first."""
    reached = set(roots)
    for model in models:
        if reached & set(model.upstream):
            reached.add(model.model)
    return reached - set(roots)
