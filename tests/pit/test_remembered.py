"""Moments that MotherDuck remembers by itself: names and ids of its snapshots, what a plan can say, catalogs apart."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from sandbox import breaks
from sandbox.api import state as states
from sandbox.breaks.bad_window import FCT, restate, window
from tests.conftest import Sandbox
from tests.motherduck.clients import well
from tests.pit.test_incidents import kept, leftovers, now, remembered
from tests.pit.test_plans import OURS, server

RAW = "raw_ebird.main.observations"
LAG = timedelta(seconds=60)


def rows(sandbox: Sandbox, day: date) -> tuple[int, int]:
    """Sightings of a day: of the raw table, and those that the mart counts."""
    raw = f"SELECT count(*) FROM {RAW} WHERE observation_date::DATE = DATE '{day}'"
    mart = f"SELECT sum(n_observations) FROM databox.{FCT} WHERE day_date = DATE '{day}'"
    found = well(server(sandbox), f'print(one(c, "{raw}"), one(c, "{mart}"))').split()
    return int(found[0]), int(float(found[1]))


def lag(sandbox: Sandbox, database: str) -> None:
    """MotherDuck takes its snapshot of what was written to a database a minute later, as the service does."""
    there = server(sandbox)
    there.capture_all()
    with there.locked() as catalog:
        found = catalog.database(database)
        assert found is not None
        last = catalog.of(found.uuid)[-1]
        catalog.change(replace(last, created=(catalog.now() + LAG).isoformat()))


@pytest.mark.rehearsal
def test_marts_that_are_of_an_earlier_time_than_the_raw_data(remote_sandbox: Sandbox) -> None:
    """Raw rows go, the marts follow; of the latter MotherDuck's snapshot is still to come at the moment."""
    day, _ = window(states.read(remote_sandbox.folder), None, None)
    whole, counted = rows(remote_sandbox, day)
    assert whole == counted
    some = f"DELETE FROM {RAW} WHERE observation_date::DATE = DATE '{day}' AND hash(_dlt_id) % 2 = 0"
    well(server(remote_sandbox), f'c.execute("{some}")')
    restate(remote_sandbox.folder, day, day)
    left, counted = rows(remote_sandbox, day)
    assert left == counted < whole
    lag(remote_sandbox, "databox")
    well(server(remote_sandbox), 'c.execute("CREATE TABLE raw_usgs.main.somebody AS SELECT 1 AS x")')
    server(remote_sandbox).capture_all()
    moment = now()
    planned = remote_sandbox.invoke("ops.restore", f"--at={moment}", "--plan", json_output=False)
    assert planned.code == 0, planned.err
    assert "may hold other rows than the marts were computed from" in " ".join(planned.out.split())
    restored = remote_sandbox.invoke("ops.restore", f"--at={moment}", "--yes")
    assert restored.code == 0, restored.err
    assert rows(remote_sandbox, day) == (left, left)
    assert leftovers(remote_sandbox.folder) == []


@pytest.mark.rehearsal
def test_marts_that_are_of_a_later_time_than_the_raw_data(remote_sandbox: Sandbox) -> None:
    """The same the other way round: what the marts were computed from is not in MotherDuck's snapshot of it yet."""
    day, _ = window(states.read(remote_sandbox.folder), None, None)
    whole, _ = rows(remote_sandbox, day)
    some = f"DELETE FROM {RAW} WHERE observation_date::DATE = DATE '{day}' AND hash(_dlt_id) % 2 = 0"
    well(server(remote_sandbox), f'c.execute("{some}")')
    restate(remote_sandbox.folder, day, day)
    lag(remote_sandbox, "raw_ebird")
    moment = now()
    restored = remote_sandbox.invoke("ops.restore", f"--at={moment}", "--yes")
    assert restored.code == 0, restored.err
    assert rows(remote_sandbox, day) == (whole, whole)


@pytest.mark.rehearsal
def test_a_snapshot_of_one_catalog_means_its_set(remote_sandbox: Sandbox) -> None:
    kept(remote_sandbox)
    breaks.apply("dropped-view", remote_sandbox.folder)
    there = server(remote_sandbox)
    ids = {one.name: one.id for one in there.read().snapshots if one.name}
    assert set(ids) == {f"nightly__{name}" for name in OURS}
    for asked in (*sorted(ids), ids["nightly__databox"]):
        planned = remote_sandbox.invoke("ops.restore", f"--snapshot={asked}", "--plan", json_output=False)
        assert planned.code == 0, (asked, planned.err)
        assert "found nightly" in planned.out
        assert ids["nightly__databox"] in planned.out


def test_a_snapshot_that_somebody_else_has_named(remote_sandbox: Sandbox) -> None:
    """One that belongs to a moment of the set is that moment; of one that is older than the set that is said."""
    there = server(remote_sandbox)
    first = min(there.snapshots("databox"), key=lambda one: one.created)
    asked = remote_sandbox.invoke("ops.restore", f"--snapshot={first.id}", "--plan", json_output=False)
    assert asked.code == 0, asked.err
    assert "found automatic of databox" in asked.out
    with there.locked() as catalog:
        old = (datetime.fromisoformat(first.created) - timedelta(days=1)).isoformat()
        catalog.change(replace(first, id="11111111-aaaa-bbbb-cccc-222222222222", created=old, name="theirs"))
        catalog.snapshots[-1] = replace(catalog.snapshots[-1], superseded=first.created)
    refused = remote_sandbox.invoke("ops.restore", "--snapshot=theirs", "--plan")
    assert refused.code == 2, refused.err
    finding = refused.document["findings"][0]
    assert "theirs is databox of" in finding["reason"]
    assert "of raw_ebird, raw_noaa, raw_usgs MotherDuck remembers nothing that old" in finding["reason"]
    assert "the oldest is of" in finding["way_out"]
    nobody = remote_sandbox.invoke("ops.restore", "--snapshot=nobody", "--plan")
    assert "neither we nor MotherDuck" in nobody.document["findings"][0]["reason"]


@pytest.mark.rehearsal
def test_a_plan_tells_what_came_since(remote_sandbox: Sandbox) -> None:
    """Per table and day, by dlt's loads, the manifest and the state; no clone is made for it."""
    kept(remote_sandbox)
    moment = now()
    broken = breaks.apply("bad-window", remote_sandbox.folder, mode="spike")
    day = broken.days[0]
    before, first = remote_sandbox.hashes(), remembered(remote_sandbox.folder)
    sent = len(server(remote_sandbox).statements())
    loaded, _ = rows(remote_sandbox, day)
    for words in ([f"--at={moment}"], ["--snapshot=nightly"]):
        planned = remote_sandbox.invoke("ops.restore", *words, "--plan", json_output=False, env={"COLUMNS": "300"})
        assert planned.code == 0, planned.err
        line = next(line for line in planned.out.splitlines() if line.startswith(RAW))
        assert f"{day} {loaded:,}" in line
        assert any(line.startswith(FCT) and "→" in line for line in planned.out.splitlines())
        assert "raw_usgs.main.daily_values" not in planned.out
        assert "What was deleted or overwritten since" in planned.out
    told = remote_sandbox.invoke("ops.restore", "--snapshot=nightly", "--plan").document["foreseen"]
    assert told[RAW]["days"][str(day)] == loaded
    assert told[RAW]["now"] > told[RAW]["then"] > 0
    assert remote_sandbox.hashes() == before
    assert remembered(remote_sandbox.folder) == first
    assert not [line for line in server(remote_sandbox).statements()[sent:] if line.startswith("CREATE")]
