"""From raw tables to marts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops_tasks.errors import UsageError
from ops_tasks.scenarios.lineage import RawTable, date_column, dated_columns, downstream, raw_tables, roots
from ops_tasks.sections import OpsSection
from ops_tasks.stack import Stack

MODELS: dict[str, dict[str, Any]] = {
    "stg_a": {"upstream": ["raw_a"]},
    "stg_b": {"upstream": ["raw_b", "seed"]},
    "int_ab": {"upstream": ["stg_a", "stg_b"]},
    "mart_b": {"upstream": ["stg_b"]},
    "mart_ab": {"upstream": ["int_ab"]},
}


@pytest.mark.parametrize(
    ("tables", "expected"),
    [
        (["raw_a"], ["stg_a", "int_ab", "mart_ab"]),
        (["raw_b"], ["stg_b", "int_ab", "mart_b", "mart_ab"]),
        (["raw_a", "raw_b"], list(MODELS)),
        (["stg_b"], ["int_ab", "mart_b", "mart_ab"]),
        (["nobody"], []),
        ([], []),
    ],
)
def test_downstream(tables: list[str], expected: list[str]) -> None:
    assert downstream(MODELS, tables) == expected


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("mart_ab", {"raw_a", "raw_b", "seed"}),
        ("stg_a", {"raw_a"}),
        ("raw_a", {"raw_a"}),
    ],
)
def test_roots(model: str, expected: set[str]) -> None:
    assert roots(MODELS, model) == expected


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 30), max_size=4), max_size=30))
def test_downstream_and_roots_are_two_views_of_the_same(edges: list[list[int]]) -> None:
    """Model n may hang on any earlier model and on the raw tables r0..r30."""
    models = {f"m{n}": {"upstream": [f"m{e}" if e < n else f"r{e}" for e in ups]} for n, ups in enumerate(edges)}
    for raw in {up for model in models.values() for up in model["upstream"] if up.startswith("r")}:
        assert set(downstream(models, [raw])) == {name for name in models if raw in roots(models, name)}


def model(**changed: Any) -> dict[str, Any]:
    return {"time_column": None, "kind": "FULL", "clock_columns": (), **changed}


TYPES = {"id": "BIGINT", "day": "DATE", "note": "VARCHAR"}
TWO = {"day": "DATE", "seen_at": "TIMESTAMP WITH TIME ZONE"}


@pytest.mark.parametrize(
    ("of", "types", "configured", "expected"),
    [
        pytest.param(model(), TYPES, "note", "note", id="the configured one wins"),
        pytest.param(model(time_column="seen_at"), TWO, None, "seen_at", id="the model's own"),
        pytest.param(model(), TYPES, None, "day", id="the only date"),
        pytest.param(model(), TWO, None, None, id="two dates"),
        pytest.param(model(clock_columns=["seen_at"]), TWO, None, "day", id="one of two is the run's clock"),
        pytest.param(model(kind="INCREMENTAL_BY_UNIQUE_KEY"), TYPES, None, None, id="a key of its own"),
        pytest.param(model(kind="SCD_TYPE_2_BY_TIME"), TYPES, None, None, id="slowly changing"),
        pytest.param(model(), {"id": "BIGINT", "note": "VARCHAR"}, None, None, id="no date"),
    ],
)
def test_date_column(of: dict[str, Any], types: dict[str, str], configured: str | None, expected: str | None) -> None:
    assert date_column(of, types, configured) == expected


def test_dated_columns_leave_the_clock_out() -> None:
    assert dated_columns(model(clock_columns=["day"]), TWO | {"t": "TIME", "ns": "TIMESTAMP_NS"}) == ["seen_at", "ns"]


def stack(tmp_path: Path, date_column: str | None = "day", other: dict[str, Any] | None = None) -> Stack:
    source = {
        "catalog": "raw",
        "dataset": "main",
        "tables": {"obs": {"date_column": date_column}, "absent": {"date_column": "x"}, "species": {}},
        "load": {"dlt": "m:f"},
    }
    sources = {"ebird": source} if other is None else {"ebird": source, "other": {**source, "tables": other}}
    section = {"databases": {"raw": "raw.duckdb"}, "sqlmesh": {"project": "p"}, "sources": sources}
    return Stack(tmp_path / "invoke.yaml", tmp_path, OpsSection.model_validate(section))


COLUMNS = {
    "raw.main.obs": {"id": "BIGINT", "day": "DATE"},
    "raw.main.obs__media": {"url": "VARCHAR"},
    "raw.main.obs__media__tags": {"value": "VARCHAR"},
    "raw.main.species": {"code": "VARCHAR"},
    "raw.main._dlt_loads": {"load_id": "VARCHAR"},
    "raw.other.obs": {"day": "DATE"},
    "databox.main.obs": {"day": "DATE"},
}
SCHEMA: dict[str, dict[str, Any]] = {
    "obs": {"parent": None, "primary_key": ["id"]},
    "obs__media": {"parent": "obs", "primary_key": []},
    "obs__media__tags": {"parent": "obs__media", "primary_key": []},
    "species": {"parent": None, "primary_key": ["code"]},
}


def by_table(tables: list[RawTable]) -> dict[str, tuple[str | None, tuple[str, ...], tuple[str, ...]]]:
    return {table.table: (table.date_column, table.parents, table.primary_key) for table in tables}


def test_children_of_children_take_the_day_of_the_topmost(tmp_path: Path) -> None:
    found = raw_tables(stack(tmp_path), {"ebird": SCHEMA}, COLUMNS)
    assert by_table(found) == {
        "obs": ("day", (), ("id",)),
        "obs__media": ("day", ("obs",), ()),
        "obs__media__tags": ("day", ("obs__media", "obs"), ()),
        "species": (None, (), ("code",)),
    }
    assert found[0].quoted == '"raw"."main"."obs"'
    assert {table.source for table in found} == {"ebird"}


def test_without_a_schema_the_naming_tells_the_parents(tmp_path: Path) -> None:
    found = raw_tables(stack(tmp_path), {"ebird": {}}, COLUMNS)
    assert by_table(found)["obs__media__tags"] == ("day", ("obs__media", "obs"), ())


def test_dlt_schema_overrules_the_naming(tmp_path: Path) -> None:
    """`obs__media` may well be a resource of its own that somebody named so."""
    schema = {**SCHEMA, "obs__media": {"parent": None, "primary_key": ["url"]}}
    found = raw_tables(stack(tmp_path), {"ebird": schema}, COLUMNS)
    assert by_table(found)["obs__media"] == (None, (), ("url",))


def test_a_date_column_that_is_not_there_is_named_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"ops\.sources\.ebird\.tables\.obs\.date_column.*'dat'.*did you mean 'day'"):
        raw_tables(stack(tmp_path, "dat"), {"ebird": SCHEMA}, COLUMNS)


def test_sources_that_share_a_dataset_have_each_its_own_tables(tmp_path: Path) -> None:
    columns = {**COLUMNS, "raw.main.more": {"day": "DATE"}, "raw.main.more__part": {"n": "BIGINT"}}
    shared = stack(tmp_path, other={"more": {"date_column": "day"}})
    found = raw_tables(shared, {"ebird": {}, "other": {}}, columns)
    assert sorted((table.table, table.source, table.date_column) for table in found) == [
        ("more", "other", "day"),
        ("more__part", "other", "day"),
        ("obs", "ebird", "day"),
        ("obs__media", "ebird", "day"),
        ("obs__media__tags", "ebird", "day"),
        ("species", "ebird", None),
    ]


def test_a_table_that_two_sources_name_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"ops\.sources\.other\.tables\.obs: ebird has that table too"):
        raw_tables(stack(tmp_path, other={"obs": {}}), {"ebird": {}, "other": {}}, COLUMNS)
