"""What a past at MotherDuck does not have, as far as the present, a manifest and SQLMesh's state tell: nothing is made.

A copy beside the present would say more, and is a clone: a plan only reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ops_tasks.errors import OpsError
from ops_tasks.scenarios.apart import rewinding
from ops_tasks.scenarios.differing import readable
from ops_tasks.scenarios.moments import Past
from ops_tasks.scenarios.verify import Say, project
from ops_tasks.stack import Stack
from ops_tasks.systems import snapshots
from ops_tasks.systems.contents import relations
from ops_tasks.systems.crew import Crew

CHECKS = "sqlmesh_checks"


@dataclass(frozen=True)
class Foreseen:
    """A table as it is `now` and was `then`, in rows: None where it is not there, or (`known` off) where nobody knows.

    `days`: ISO day -> rows that came since (loaded, or computed). `values`: as many rows, of which some differ.
    """

    now: int | None
    then: int | None
    known: bool
    days: Mapping[str, int]
    values: bool = False


def foresee(stack: Stack, past: Past, hands: Crew, say: Say) -> dict[str, Foreseen]:
    """Return table -> what can be told of it, for those that have changed; raw tables, and what SQLMesh shows."""
    present = readable(stack, hands)
    models = _models(stack, hands)
    loaded = _loaded(stack, past, present, hands)
    if past.snapshot is not None:
        return _by_manifest(stack, past, present, models, loaded, hands)
    counts: dict[str, int] = hands.call("duck", "describe", databases=present, state=None, environment="")["rows"]
    found = {name: Foreseen(counts.get(name), None, known=False, days=days) for name, days in loaded.items()}
    for name, days in _computed(stack, past, present, models, hands, say).items():
        found[name] = Foreseen(counts.get(".".join(models[name]["physical"])), None, known=False, days=days)
    return found


def _by_manifest(
    stack: Stack,
    past: Past,
    present: Mapping[str, str],
    models: Mapping[str, Mapping[str, Any]],
    loaded: Mapping[str, Mapping[str, int]],
    hands: Crew,
) -> dict[str, Foreseen]:
    """A snapshot of ours has written down rows and digests of every table."""
    from ops_tasks.systems.motherduck import same

    manifest = snapshots.get(stack, past.snapshot or "").manifest
    now: dict[str, Any] = hands.call("duck", "content:content", databases=dict(present))
    shown = {".".join(model["physical"]): name for name, model in models.items()}
    raw = {f"{source.catalog}.{source.dataset}." for source in stack.config.sources.values()}
    found: dict[str, Foreseen] = {}
    for catalog, recorded in manifest["content"].items():
        held, then = relations(now.get(catalog, {})), relations(recorded)
        for thing in sorted({*then, *held}):
            place = f"{catalog}.{thing}"
            sides = [{thing: side[thing]} if thing in side else {} for side in (held, then)]
            kinds = {one["kind"] for side in sides for one in side.values()}
            ours = place.startswith(tuple(raw)) and not thing.split(".")[-1].startswith("_dlt")
            if kinds != {"table"} or not (ours or place in shown) or same(sides[0], sides[1], manifest):
                continue
            rows = [side[thing]["rows"] if side else None for side in sides]
            found[shown.get(place, place)] = Foreseen(
                *rows, known=True, days=loaded.get(place, {}), values=rows[0] == rows[1]
            )
    return found


def _loaded(stack: Stack, past: Past, present: Mapping[str, str], hands: Crew) -> dict[str, dict[str, int]]:
    points: Mapping[str, Any] = past.points or snapshots.get(stack, past.snapshot or "").manifest["points"]
    tables = [
        {
            "name": f"{source.catalog}.{source.dataset}.{table}",
            "catalog": source.catalog,
            "dataset": source.dataset,
            "table": table,
            "date_column": section.date_column,
            "since": points[source.catalog]["created_at"],
        }
        for source in stack.config.sources.values()
        for table, section in source.tables.items()
        if source.catalog in present
    ]
    found: dict[str, dict[str, int]] = hands.call("duck", "loaded:loaded_since", databases=dict(present), tables=tables)
    return found


def _computed(
    stack: Stack,
    past: Past,
    present: Mapping[str, str],
    models: Mapping[str, Mapping[str, Any]],
    hands: Crew,
    say: Say,
) -> dict[str, dict[str, int]]:
    """View -> day -> rows of what the state says was computed since: it will be taken out of the state."""
    try:
        told = hands.call(CHECKS, "sqlmesh_rewind:rewind", say, **project(stack), **rewinding(stack, past), write=False)
        hands.call(CHECKS, "sqlmesh_mend:let_go")
    except OpsError:  # a state that is lost or broken tells nothing
        return {}
    since: dict[str, str] = told["ahead"].get(stack.config.sqlmesh.environment, {})
    found: dict[str, dict[str, int]] = {}
    for name, model in models.items():
        if name not in since or model["physical"][0] not in present:
            continue
        catalog, schema, table = model["physical"]
        asked = {"name": name, "catalog": catalog, "schema": schema, "table": table}
        asked |= {"date_column": model["time_column"], "parents": [], "exclude": [], "recomputed": False}
        rows = hands.call("duck", "rows_per_day", databases=dict(present), tables=[asked], since=since[name][:10])
        found[name] = rows.get(name, {})
    return found


def _models(stack: Stack, hands: Crew) -> dict[str, dict[str, Any]]:
    """Short name -> what SQLMesh knows of a model that has a view and a table; nothing where the state is broken."""
    name = hands.warm(CHECKS, cwd=stack.sqlmesh_folder)
    try:
        seen = hands.call(name, "sqlmesh:inspect", **project(stack), environment=stack.config.sqlmesh.environment)
        hands.call(name, "sqlmesh:let_go")
    except OpsError:
        return {}
    told: list[dict[str, Any]] = list(seen["models"].values())
    return {one["name"]: one for one in told if one["view"] is not None and one["physical"] is not None}
