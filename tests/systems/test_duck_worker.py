"""Counts and fingerprints per day, on real small files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import duckdb
import pytest

from ops_tasks.errors import Busy, StepFailed, UsageError
from ops_tasks.systems.duck_worker import (
    Measured,
    Table,
    attached,
    catalog,
    describe,
    dlt_schemas,
    full_scan,
    measure,
    reach,
    rows_per_day,
)

FILL = """
CREATE TABLE t AS SELECT range AS n, CAST(DATE '2026-04-01' + (range % 5)::INT AS {kind}) AS d, 'x' || range AS x,
  range / 7.0 AS f FROM range(50)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Ten rows on each of the first five days of April."""
    return change(tmp_path / "db.duckdb", FILL.format(kind="DATE"))


def change(path: Path, *statements: str) -> Path:
    with duckdb.connect(path) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for statement in statements:
            connection.execute(statement)
    return path


def spec(**changed: Any) -> Table:
    well: dict[str, Any] = {
        "name": "t",
        "catalog": "db",
        "schema": "main",
        "table": "t",
        "date_column": "d",
        "parents": [],
        "exclude": [],
        "recomputed": False,
    }
    return cast("Table", {**well, **changed})


def measured(path: Path, **changed: Any) -> Measured:
    table = spec(**changed)
    return measure({"db": str(path)}, [table])[table["name"]]


def days(path: Path, **changed: Any) -> dict[str, list[Any]]:
    return measured(path, **changed)["days"]


def differing(one: dict[str, list[Any]], other: dict[str, list[Any]]) -> set[str]:
    return {day for day in {*one, *other} if one.get(day) != other.get(day)}


@pytest.mark.parametrize("kind", ["DATE", "TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMPTZ", "VARCHAR"])
def test_every_type_of_a_day(tmp_path: Path, kind: str) -> None:
    path = change(tmp_path / "db.duckdb", FILL.format(kind=kind))
    found = days(path)
    assert {day: count for day, (count, _) in found.items()} == {f"2026-04-0{n}": 10 for n in range(1, 6)}
    since = rows_per_day({"db": str(path)}, [spec()], "2026-04-03")
    assert since == {"t": {f"2026-04-0{n}": 10 for n in range(3, 6)}}
    assert reach({"db": str(path)}, {"t": (["db", "main", "t"], ["d", "x"])}) == {"t": "2026-04-01"}


def test_a_number_is_no_day(path: Path) -> None:
    with pytest.raises(StepFailed, match="t: the date column 'n' has no day \\(it is BIGINT\\)"):
        measured(path, date_column="n")
    with pytest.raises(StepFailed, match="'gone' has no day \\(it is not there\\)"):
        measured(path, date_column="gone")
    assert rows_per_day({"db": str(path)}, [spec(date_column="n")], "2026-04-01") == {}


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("UPDATE t SET x = 'y' WHERE n = 12", id="one value"),
        pytest.param("UPDATE t SET x = x || ' ' WHERE n = 12", id="a space"),
        pytest.param("UPDATE t SET x = NULL WHERE n = 12", id="a NULL"),
        pytest.param("UPDATE t SET f = nextafter(f, 1e300) WHERE n = 12", id="the last digit of a double"),
        pytest.param("INSERT INTO t SELECT * FROM t WHERE n = 12", id="a row twice"),
        pytest.param("DELETE FROM t WHERE n = 12", id="a row less"),
        pytest.param(
            "UPDATE t SET n = CASE n WHEN 12 THEN 17 ELSE 12 END WHERE n IN (12, 17)", id="two values swapped"
        ),
    ],
)
def test_one_change_is_seen_on_its_day_and_only_there(path: Path, statement: str) -> None:
    before = measured(path)
    change(path, statement)
    after = measured(path)
    assert differing(before["days"], after["days"]) == {"2026-04-03"}
    assert before["fingerprint"] != after["fingerprint"]


def test_a_row_that_moves_to_another_day(path: Path) -> None:
    before = days(path)
    change(path, "UPDATE t SET d = '2026-04-05' WHERE n = 12")
    after = days(path)
    assert differing(before, after) == {"2026-04-03", "2026-04-05"}
    assert (after["2026-04-03"][0], after["2026-04-05"][0]) == (9, 11)


def test_two_pairs_of_equal_rows_are_not_none(tmp_path: Path) -> None:
    """Fingerprints are added up; exclusive-or would let a doubled row vanish."""
    path = change(tmp_path / "db.duckdb", "CREATE TABLE t AS SELECT DATE '2026-04-01' AS d, 1 AS n FROM range(2)")
    twice = days(path)
    change(path, "UPDATE t SET n = 2")
    assert differing(twice, days(path)) == {"2026-04-01"}


def test_columns_do_not_stand_in_for_each_other(tmp_path: Path) -> None:
    path = change(tmp_path / "db.duckdb", "CREATE TABLE t AS SELECT DATE '2026-04-01' AS d, 1 AS a, 2 AS b, NULL AS c")
    seen = {days(path)["2026-04-01"][1]}
    for a, b, c in (("2", "1", "NULL"), ("1", "NULL", "2"), ("NULL", "1", "2"), ("NULL", "NULL", "NULL")):
        change(path, f"UPDATE t SET a = {a}, b = {b}, c = {c}")
        seen.add(days(path)["2026-04-01"][1])
    assert len(seen) == 5


def test_the_order_of_rows_and_where_they_lie_do_not_matter(path: Path, tmp_path: Path) -> None:
    before = measured(path)
    with duckdb.connect(path) as connection:
        connection.execute("CREATE TABLE u AS SELECT * FROM t ORDER BY hash(n)")
        connection.execute("DROP TABLE t")
        connection.execute("ALTER TABLE u RENAME TO t")
    assert measured(path) == before


def test_rows_without_a_day(path: Path) -> None:
    change(path, "UPDATE t SET d = NULL WHERE n IN (12, 13)")
    found = measured(path)
    assert found["days"]["none"][0] == 2
    assert found["rows"] == 50
    assert "none" not in rows_per_day({"db": str(path)}, [spec()], "2026-01-01")["t"]


def test_a_table_without_days_is_compared_in_all(path: Path) -> None:
    before = measured(path, date_column=None)
    assert (before["rows"], before["days"], before["date_column"]) == (50, {}, None)
    change(path, "UPDATE t SET x = 'y' WHERE n = 12")
    assert measured(path, date_column=None)["fingerprint"] != before["fingerprint"]


def test_excluded_columns_are_left_out_and_named(path: Path) -> None:
    before = measured(path, exclude=["x", "not there"])
    assert before["excluded"] == ["x"]
    change(path, "UPDATE t SET x = 'y'")
    assert measured(path, exclude=["x", "not there"]) == before
    assert differing(days(path, exclude=["n", "f", "x"]), before["days"]) == set(before["days"])


def test_only_excluded_columns_are_still_counted(path: Path) -> None:
    found = measured(path, date_column=None, exclude=["n", "d", "x", "f"])
    change(path, "DELETE FROM t WHERE n = 1")
    assert measured(path, date_column=None, exclude=["n", "d", "x", "f"])["fingerprint"] != found["fingerprint"]


@pytest.mark.parametrize("kind", ["DOUBLE", "FLOAT"])
def test_sums_may_differ_in_their_last_digits_where_they_are_computed_again(tmp_path: Path, kind: str) -> None:
    first, second, other = (0.1 + 0.2, 0.3, 0.3001) if kind == "DOUBLE" else (0.3, 0.3, 0.3001)
    path = change(
        tmp_path / "db.duckdb",
        f"CREATE TABLE t AS SELECT DATE '2026-04-01' AS d, v::{kind} AS v FROM "
        f"(VALUES ({first!r}), ('nan'::DOUBLE), ('inf'::DOUBLE), (NULL)) u(v)",
    )
    before = {recomputed: days(path, recomputed=recomputed) for recomputed in (True, False)}
    change(path, f"UPDATE t SET v = {second!r} WHERE v < 1")
    assert days(path, recomputed=True) == before[True]
    assert (days(path, recomputed=False) == before[False]) == (kind == "FLOAT")
    change(path, f"UPDATE t SET v = {other!r} WHERE v < 1")
    assert days(path, recomputed=True) != before[True]


@pytest.fixture
def family(tmp_path: Path) -> Path:
    """Parents on two days, a child each, a grandchild each, and an orphan."""
    return change(
        tmp_path / "db.duckdb",
        "CREATE TABLE p AS SELECT DATE '2026-04-01' + range::INT AS d, 'p' || range AS _dlt_id FROM range(2)",
        "CREATE TABLE p__c AS SELECT replace(_dlt_id, 'p', 'c') AS _dlt_id, _dlt_id AS _dlt_parent_id, 1 AS v FROM p",
        "CREATE TABLE p__c__g AS SELECT _dlt_id AS _dlt_parent_id, 2 AS v, d2 AS d FROM p__c, (SELECT 'own' AS d2)",
        "INSERT INTO p__c__g VALUES ('nobody', 3, 'own')",
    )


def test_children_have_the_day_of_the_topmost(family: Path) -> None:
    child = days(family, table="p__c", parents=["p"])
    grandchild = days(family, table="p__c__g", parents=["p__c", "p"])
    assert {day: count for day, (count, _) in child.items()} == {"2026-04-01": 1, "2026-04-02": 1}
    assert {day: count for day, (count, _) in grandchild.items()} == {"2026-04-01": 1, "2026-04-02": 1, "no parent": 1}
    change(family, "UPDATE p__c__g SET v = 9 WHERE _dlt_parent_id = 'c1'")
    assert differing(grandchild, days(family, table="p__c__g", parents=["p__c", "p"])) == {"2026-04-02"}
    change(family, "UPDATE p SET d = '2026-04-09' WHERE _dlt_id = 'p0'")
    assert differing(child, days(family, table="p__c", parents=["p"])) == {"2026-04-01", "2026-04-09"}
    change(family, "UPDATE p SET d = NULL WHERE _dlt_id = 'p0'")
    undated = days(family, table="p__c__g", parents=["p__c", "p"])
    assert {day: count for day, (count, _) in undated.items()} == {"2026-04-02": 1, "none": 1, "no parent": 1}


def test_tables_that_are_not_there_are_left_out(path: Path) -> None:
    assert measure({"db": str(path)}, [spec(name="a"), spec(name="b", table="gone")]).keys() == {"a"}


def test_a_file_that_is_missing_is_not_created(tmp_path: Path) -> None:
    gone = tmp_path / "gone.duckdb"
    with pytest.raises(UsageError, match=r"gone\.duckdb does not exist"):
        catalog({"db": str(gone)})
    assert list(tmp_path.iterdir()) == []


def test_reading_writes_nothing(path: Path) -> None:
    before = path.read_bytes()
    with attached({"db": str(path)}) as connection, pytest.raises(duckdb.Error, match="read-only"):
        connection.execute("DELETE FROM db.main.t")
    measured(path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


@pytest.fixture
def writer(path: Path) -> Iterator[int]:
    """PID of another process that has the database open for writing."""
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        yield process.pid
        process.communicate()


def test_a_writer_is_named(path: Path, writer: int) -> None:
    with pytest.raises(Busy, match=rf"PID {writer}\b"):
        measured(path)


def test_catalog_knows_tables_from_views(path: Path) -> None:
    change(path, 'CREATE SCHEMA s; CREATE VIEW s.v AS SELECT n AS "odd name" FROM t')
    found = catalog({"db": str(path)})
    assert found["tables"] == ["db.main.t"]
    assert found["columns"]["db.s.v"] == {"odd name": "BIGINT"}
    assert list(found["columns"]["db.main.t"]) == ["n", "d", "x", "f"]


def test_the_newest_schema_of_dlt_counts(tmp_path: Path) -> None:
    def schema(**tables: Any) -> str:
        return json.dumps({"tables": tables})

    key = {"columns": {"id": {"primary_key": True}, "x": {}}, "resource": "r", "write_disposition": "merge"}
    old, new = schema(t={"columns": {}}), schema(t=key, t__c={"columns": {}, "parent": "t"})
    path = change(
        tmp_path / "db.duckdb",
        "CREATE TABLE _dlt_version (schema_name VARCHAR, inserted_at TIMESTAMP, version BIGINT, schema VARCHAR)",
        f"INSERT INTO _dlt_version VALUES ('s', '2026-04-02', 9, '{new}'), ('s', '2026-04-01', 8, '{old}')",
    )
    found = dlt_schemas({"db": str(path)}, {"here": ("db", "main"), "elsewhere": ("db", "nothing")})
    assert found["elsewhere"] == {}
    assert found["here"]["t"] == {
        "parent": None,
        "resource": "r",
        "write_disposition": "merge",
        "primary_key": ["id"],
    }
    assert found["here"]["t__c"]["parent"] == "t"


def test_reach_takes_the_earliest_of_several_columns(path: Path) -> None:
    change(
        path, "ALTER TABLE t ADD COLUMN e DATE", "UPDATE t SET e = '2026-03-09' WHERE n = 3", "CREATE TABLE z (d DATE)"
    )
    tables = {
        "both": (["db", "main", "t"], ["d", "e"]),
        "empty": (["db", "main", "z"], ["d"]),
        "no day": (["db", "main", "t"], ["n"]),
    }
    assert reach({"db": str(path)}, tables) == {"both": "2026-03-09", "empty": None}


def test_describe_counts_every_table(path: Path) -> None:
    found = describe({"db": str(path)}, str(path), "prod")
    assert found == {"rows": {"db.main.t": 50}, "duckdb": duckdb.__version__, "sqlmesh": {}}


def test_a_full_scan_names_the_damaged_table(path: Path) -> None:
    change(path, "CREATE TABLE big AS SELECT range AS n, hash(range) AS h FROM range(300_000)", "CHECKPOINT")
    assert full_scan({"db": str(path)}) == []
    with duckdb.connect(path) as connection:
        blocks = connection.execute("SELECT DISTINCT block_id FROM pragma_storage_info('big') WHERE block_id > 0")
        block = int(blocks.fetchall()[0][0])
    offset = 3 * 4096 + block * 262144 + 100_000
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1]))
        os.fsync(file.fileno())
    found = full_scan({"db": str(path)})
    assert len(found) == 1
    assert found[0].startswith("db.main.big: ")
