"""Rows whose parents somebody deleted: whatever loads the parents again removes them, and nothing counts twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest

from sandbox import account, breaks

if TYPE_CHECKING:
    from tests.conftest import Sandbox

CHILD = "raw_ebird.main.observations__evidence"


def alone(sandbox: Sandbox) -> int:
    """How many rows of the child table have no parent."""
    with duckdb.connect(str(account.file_of(sandbox.folder, "raw_ebird")), read_only=True) as connection:
        return connection.execute(
            "SELECT count(*) FROM observations__evidence WHERE _dlt_parent_id NOT IN (SELECT _dlt_id FROM observations)"
        ).fetchall()[0][0]


@pytest.mark.rehearsal
def test_a_backfill_of_deleted_days_counts_nothing_twice(both: Sandbox) -> None:
    broken = breaks.apply("mass-delete", both.folder)
    had = alone(both)
    assert had > 0
    (found,) = (one for one in both.invoke("ops.doctor").document["findings"] if one["cause"] == "orphans")
    assert (found["subject"], f"{had:,} rows have no parent" in found["reason"]) == (CHILD, True)

    ran = both.backfill(start=broken.days[0], end=broken.days[-1])

    assert ran.code == 0, ran.err
    assert f"{CHILD}: {had:,} rows without a parent removed" in ran.err
    assert both.differences() == []
    assert {one["table"]: one["orphans"] for one in ran.document["changes"]}[CHILD] == [had, 0]
    assert both.invoke("ops.doctor").code == 0


@pytest.mark.rehearsal
def test_a_rebuild_from_a_snapshot_that_has_them_counts_nothing_twice(sandbox: Sandbox) -> None:
    breaks.apply("mass-delete", sandbox.folder)
    had = alone(sandbox)
    assert sandbox.invoke("snapshot.create", "--name=later").code == 0
    (sandbox.folder / "data" / "raw_ebird.duckdb").unlink()

    ran = sandbox.invoke("ops.rebuild", "--yes")

    assert ran.code == 0, ran.err
    assert f"{had:,} rows without a parent removed" in ran.err
    assert sandbox.differences() == []
