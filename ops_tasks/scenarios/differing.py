"""What the present and a past of the stack differ in, per table and day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from ops_tasks.errors import OpsError
from ops_tasks.scenarios.lineage import date_column
from ops_tasks.scenarios.verify import Say, project
from ops_tasks.stack import Stack
from ops_tasks.systems.crew import Crew
from ops_tasks.systems.sql import ident

Place = tuple[str, str, str]
OWN = "sqlmesh"
CHECKS = "sqlmesh_checks"
UNKNOWN: dict[str, Any] = {"time_column": None, "kind": "", "clock_columns": [], "plain_keys": []}


def differences(stack: Stack, past: Mapping[str, str], hands: Crew, say: Say) -> dict[str, Any]:
    """Return table -> `diff_worker.Difference` from the present to `past` (catalog -> what DuckDB attaches).

    Compared are the raw tables and what SQLMesh shows, in every environment, as far as either side has it.
    """
    present = readable(stack, hands)
    columns: dict[Place, Mapping[str, str]] = {}
    for side in (dict(past), present):
        there = hands.call("diff", "places", databases=side)
        columns |= {(one["catalog"], one["schema"], one["table"]): one["types"] for one in there}
    tables = _tables(stack, columns, _keys(stack, dict(past), hands), _models(stack, hands))
    done: dict[str, Any] = hands.call("diff", "differences", say, before=present, after=dict(past), tables=tables)
    hands.dismiss("diff")
    return done


def readable(stack: Stack, hands: Crew) -> dict[str, str]:
    """The catalogs of the present that can be looked at: a broken one has nothing to be compared."""
    found: dict[str, str] = {}
    for name, where in stack.readable.items():
        try:
            hands.call("duck", "catalog", databases={name: where})
        except OpsError:
            continue
        found[name] = where
    return found


def _tables(
    stack: Stack,
    columns: Mapping[Place, Mapping[str, str]],
    keys: Mapping[Place, list[str]],
    models: Mapping[Place, Mapping[str, Any]],
) -> list[dict[str, Any]]:
    raw = {
        (source.catalog, source.dataset, table): section.date_column
        for source in stack.config.sources.values()
        for table, section in source.tables.items()
    }
    loaded = {(source.catalog, source.dataset) for source in stack.config.sources.values()}
    places = [place for place in columns if _is_compared(stack, place)]
    names = {place: ".".join(place if place[:2] in loaded else place[1:]) for place in places}
    often = Counter(names.values())
    found: list[dict[str, Any]] = []
    for place in places:
        types, name = columns[place], names[place]
        model: dict[str, Any] = {**UNKNOWN, **models.get(place, {})}
        is_raw = place[:2] in loaded
        column = raw.get(place) if is_raw else date_column(model, types, stack.config.date_columns.get(name))
        # dlt gives every row an id of its own, anew each time that it is loaded.
        exclude = [one for one in types if one.startswith("_dlt_")] + list(model["clock_columns"])
        found.append(
            {
                "name": name if often[name] == 1 else ident(*place),
                "catalog": place[0],
                "schema": place[1],
                "table": place[2],
                "date_column": column,
                "keys": keys.get(place) or [key for key in model["plain_keys"] if key in types],
                "exclude": exclude,
            }
        )
    return found


def _is_compared(stack: Stack, place: Place) -> bool:
    """Neither SQLMesh's own nor dlt's, and of a catalog of ours: not of what stands behind a copy."""
    catalog, schema, table = place
    own = catalog.startswith(OWN) or schema.startswith(OWN) or table.startswith("_dlt")
    return not own and catalog in stack.catalogs


def _keys(stack: Stack, databases: Mapping[str, str], hands: Crew) -> dict[Place, list[str]]:
    """Primary keys of the raw tables, as dlt wrote them down."""
    datasets = {name: [source.catalog, source.dataset] for name, source in stack.config.sources.items()}
    told = hands.call("duck", "dlt_schemas", databases=databases, datasets=datasets)
    return {
        (datasets[name][0], datasets[name][1], table): one["primary_key"]
        for name, tables in told.items()
        for table, one in tables.items()
    }


def _models(stack: Stack, hands: Crew) -> dict[Place, dict[str, Any]]:
    """What SQLMesh knows of the views of prod: time columns, keys, columns that tell the run's own clock.

    A state that is lost or broken knows nothing; rows are compared all the same.
    """
    name = hands.warm(CHECKS, cwd=stack.sqlmesh_folder)  # it stays: the validation of the live stack needs it too
    try:
        seen = hands.call(name, "sqlmesh:inspect", **project(stack), environment=stack.config.sqlmesh.environment)
        hands.call(name, "sqlmesh:let_go")
    except OpsError:
        return {}
    return {
        (model["view"][0], model["view"][1], model["view"][2]): model
        | {"plain_keys": [key.strip('"') for key in model["keys"]]}
        for model in seen["models"].values()
        if model["view"] is not None
    }
