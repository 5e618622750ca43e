"""The models: the same again from the same raw data, windows that touch only their days, audits that can fail."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from sandbox import run, stacks
from sandbox.api import server
from sandbox.api import state as states
from sandbox.errors import SandboxError
from sandbox.truth.tables import MARTS

TODAY = date(2026, 4, 21)
DAY = date(2026, 4, 15)
CATALOGS = ("databox", "raw_ebird", "raw_noaa", "raw_usgs")
# A model over a time range, the measure of it that depends on one raw value, and that value.
WINDOWED = [
    ("ebird.fct_daily_bird_observations", "total_count", "raw_ebird.main.observations", "how_many", "observation_date"),
    ("noaa.fct_daily_weather", "tmax_c", "raw_noaa.main.daily_weather", "tmax", "date"),
    ("usgs.fct_daily_streamflow", "discharge_cfs", "raw_usgs.main.daily_values", "value", "datetime"),
]
# For every rule that a model is audited by: values that break it.
RULES = {
    "discharge_cfs >= 0": "-1 AS discharge_cfs",
    "frequency_permille BETWEEN 1 AND 1000": "1001 AS frequency_permille",
    "n_checklists >= 1": "0 AS n_checklists",
    "prcp_mm >= 0": "-1 AS prcp_mm",
    "tmax_c >= tmin_c": "tmin_c - 1 AS tmax_c",
    "total_count >= max_count": "max_count - 1 AS total_count",
}
# Spoils each physical table in every way that one of its audits is to notice, and lets SQLMesh run that audit.
AUDITS = """
import json, sys
from sqlglot import exp
from databox import settings, transform

rules = json.loads(sys.argv[1])
told = []

def cases(audit, arguments):
    if audit == "not_null":
        for column in arguments["columns"].find_all(exp.Column):
            yield column.name, f"* REPLACE (nullif({column.name}, {column.name}) AS {column.name}) FROM good"
    elif audit == "forall":
        for rule in getattr(arguments["criteria"].unnest(), "expressions", None) or [arguments["criteria"].unnest()]:
            yield rule.sql("duckdb"), f"* REPLACE ({rules[rule.sql('duckdb')]}) FROM good"
    else:
        yield "rows twice", "* FROM good UNION ALL SELECT * FROM good"

with transform.project() as context:
    environment = context.state_reader.get_environment("prod")
    snapshots = context.state_reader.get_snapshots(environment.snapshots)
    by_name = {snapshot.name: snapshot for snapshot in snapshots.values()}
    execute = context.engine_adapter.execute
    now = settings.pinned_now()

    def failures(snapshot):
        results = context.snapshot_evaluator.audit(
            snapshot=snapshot, snapshots=by_name, start=settings.settings()["start"], end=now, execution_time=now
        )
        return {result.audit.name: 0 if result.skipped else result.count for result in results}

    for snapshot in snapshots.values():
        if not snapshot.is_model or not snapshot.model.audits_with_args:
            continue
        name, table = snapshot.model.name, snapshot.table_name()
        kind = "VIEW" if snapshot.model.kind.is_view else "TABLE"
        execute(f"CREATE OR REPLACE TABLE kept AS FROM {table}")
        told += [[name, audit, "as it is", count] for audit, count in failures(snapshot).items()]
        for audit, arguments in snapshot.model.audits_with_args:
            for what, select in cases(audit.name, arguments):
                execute(f"CREATE OR REPLACE {kind} {table} AS WITH good AS (FROM kept) SELECT {select}")
                told.append([name, audit.name, what, failures(snapshot)[audit.name]])
        if kind == "TABLE":
            execute(f"CREATE OR REPLACE TABLE {table} AS FROM kept")
print(json.dumps(told))
"""


def ask(folder: Path, statement: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(":memory:") as connection:
        for catalog in CATALOGS:
            connection.execute(f"ATTACH '{folder / 'data' / catalog}.duckdb' AS {catalog} (READ_ONLY)")
        return connection.execute(statement).fetchall()


def marts(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every mart, the clock left out."""
    clock = "COLUMNS(c -> c <> 'computed_at')"
    return {mart.name: ask(folder, f"SELECT {clock} FROM databox.{mart.name} ORDER BY ALL") for mart in MARTS}


def test_a_rebuild_from_the_same_raw_data_is_the_same(pinned: Path) -> None:
    before = marts(pinned)
    (pinned / "data" / "databox.duckdb").unlink()
    (pinned / "data" / "sqlmesh_state.duckdb").unlink()
    run.python(pinned, "-m", "databox.transform", "plan")
    assert marts(pinned) == before
    assert all(before.values())


@pytest.mark.parametrize(("model", "measure", "raw", "value", "column"), WINDOWED, ids=lambda name: str(name))
def test_a_window_touches_only_its_days(
    pinned: Path, model: str, measure: str, raw: str, value: str, column: str
) -> None:
    """Three days are wrong in the raw data, the middle one is computed again: only that one changes."""
    catalog = raw.partition(".")[0]
    with duckdb.connect(str(pinned / "data" / f"{catalog}.duckdb")) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(
            f"UPDATE {raw} SET {value} = {value} + 7 WHERE {column}::DATE BETWEEN ? AND ?",
            [DAY - timedelta(days=1), DAY + timedelta(days=1)],
        )
    sums = f"SELECT day_date, SUM({measure}) FROM databox.{model} GROUP BY day_date"
    before = dict(ask(pinned, sums))
    staging = raw.replace("raw_", "").replace(".main.", "_staging.stg_")
    run.python(pinned, "-m", "databox.transform", "restate", str(DAY), str(DAY), staging)
    after = dict(ask(pinned, sums))
    assert {day for day in before | after if before.get(day) != after.get(day)} == {DAY}
    assert after[DAY] > before[DAY]


def test_every_audit_passes_on_good_rows_and_fails_on_bad_ones(pinned: Path) -> None:
    told = json.loads(run.python(pinned, "-c", AUDITS, json.dumps(RULES)).splitlines()[-1])
    good = [one for one in told if one[2] == "as it is"]
    bad = [one for one in told if one[2] != "as it is"]
    assert {model for model, *_ in good} >= {mart.name for mart in MARTS}
    assert [one for one in good if one[3] != 0] == []
    assert [one for one in bad if one[3] == 0] == []
    assert {what for *_, what, _ in bad} >= RULES.keys()


def test_a_raw_row_without_a_date_stops_the_run(pinned: Path) -> None:
    """A model over a time range would leave it out without a word."""
    with duckdb.connect(str(pinned / "data" / "raw_ebird.duckdb")) as connection:
        connection.execute("UPDATE main.observations SET observation_date = NULL WHERE observation_date = ?", [DAY])
    fct = "ebird.fct_daily_bird_observations"
    before = marts(pinned)[fct]
    with pytest.raises(SandboxError, match=r"restate .* failed"):
        run.python(pinned, "-m", "databox.transform", "restate", str(DAY), str(DAY), "ebird_staging.stg_observations")
    assert marts(pinned)[fct] == before


@pytest.mark.rehearsal
def test_the_next_day_is_an_ordinary_load_and_run(pinned: Path) -> None:
    """Time-range models get one more day, the unique-key model is merged; the rest of it is as it was."""
    state = states.read(pinned)
    tomorrow = TODAY + timedelta(days=1)
    states.write(pinned, replace(state, today=tomorrow, days=state.days + 1))
    more = {"DATABOX_TODAY": str(tomorrow)}
    with server.serve(pinned):
        for source in states.SOURCES:
            run.python(pinned, "-m", "databox.load", source, more=more)
    before = ask(pinned, "SELECT max(day_date) FROM databox.ebird.species_latest")
    run.python(pinned, "-m", "databox.transform", "run", more=more)
    assert before == [(TODAY - timedelta(days=1),)]
    assert ask(pinned, "SELECT max(day_date) FROM databox.ebird.species_latest") == [(TODAY,)]
    assert stacks.truth(pinned) == []


def test_a_species_that_is_classified_anew_keeps_its_history(pinned: Path) -> None:
    with duckdb.connect(str(pinned / "data" / "raw_ebird.duckdb")) as connection:
        ((species, family),) = connection.execute(
            "SELECT species_code, family_code FROM main.taxonomy ORDER BY species_code LIMIT 1"
        ).fetchall()
        connection.execute("UPDATE main.taxonomy SET family_code = 'other' WHERE species_code = ?", [species])
    tomorrow = str(TODAY + timedelta(days=1))
    run.python(pinned, "-m", "databox.transform", "run", more={"DATABOX_TODAY": tomorrow})
    found = ask(
        pinned,
        "SELECT species_code, family_code, valid_to IS NULL FROM databox.ebird.species_status_history "
        f"WHERE species_code = '{species}' ORDER BY valid_from",
    )
    assert found == [(species, family, False), (species, "other", True)]
    ((ended, began),) = ask(
        pinned,
        "SELECT min(valid_to), max(valid_from) FROM databox.ebird.species_status_history "
        f"WHERE species_code = '{species}'",
    )
    assert ended == began
