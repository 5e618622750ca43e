"""A load that brings too little, or bad words on the command line: refused, and not a byte has changed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Sandbox


@pytest.mark.parametrize(
    ("fault", "source", "code", "status", "words"),
    [
        pytest.param("error", "ebird", 3, "refused", "no rows", id="500-swallowed-by-the-source"),
        pytest.param("error", "usgs", 4, "put_back", "500", id="500-raised"),
        pytest.param("error", "noaa", 4, "put_back", "exit 1", id="500-in-a-command"),
        pytest.param("empty", "ebird", 3, "refused", "no rows", id="empty-list"),
        pytest.param("empty", "noaa", 3, "refused", "no rows", id="empty-list-in-place"),
        pytest.param("half", "ebird", 3, "refused", "instead of", id="half-the-rows"),
    ],
)
def test_a_bad_load_changes_nothing(
    sandbox: Sandbox, fault: str, source: str, code: int, status: str, words: str
) -> None:
    start, end = sandbox.today - timedelta(days=9), sandbox.today - timedelta(days=7)
    before = sandbox.hashes()
    sandbox.fault(fault, source, start, end)

    ran = sandbox.backfill(source=source, start=start, end=end)

    assert ran.code == code, ran.err
    assert ran.document["status"] == status
    assert words in ran.document["findings"][0]["reason"]
    assert sandbox.hashes() == before
    assert sandbox.last_operation()["status"] == status


@pytest.mark.rehearsal
def test_fewer_rows_are_taken_when_that_is_allowed(sandbox: Sandbox) -> None:
    day = sandbox.today - timedelta(days=8)
    sandbox.fault("half", "ebird", day, day)

    ran = sandbox.backfill("--allow-shrink", start=day, end=day)

    assert ran.code == 0, ran.err


@pytest.mark.rehearsal
def test_far_more_rows_are_taken_only_when_that_is_allowed(sandbox: Sandbox) -> None:
    day = sandbox.today - timedelta(days=8)
    before = sandbox.hashes()
    sandbox.fault("spike", "ebird", day, day)

    refused = sandbox.backfill(start=day, end=day)
    assert refused.code == 3, refused.err
    assert "far more rows than usual" in refused.document["findings"][0]["reason"]
    assert sandbox.hashes() == before

    assert sandbox.backfill("--allow-growth", start=day, end=day).code == 0


def test_the_command_that_goes_on_is_the_one_that_was_given(sandbox: Sandbox) -> None:
    day = sandbox.today - timedelta(days=8)
    given = ["--source=ebird", f"--start={day}", "--exclude=ebird.species_latest", "--allow-shrink", "--allow-growth"]

    ran = sandbox.invoke("ops.backfill", *given)

    assert ran.code == 3
    way_out = ran.document["findings"][0]["way_out"]
    assert all(word in way_out for word in (*given, f"--end={day}", "--yes"))


def test_nothing_at_all_is_refused_even_then(sandbox: Sandbox) -> None:
    day = sandbox.today - timedelta(days=8)
    before = sandbox.hashes()
    sandbox.fault("empty", "ebird", day, day)

    ran = sandbox.backfill("--allow-shrink", start=day, end=day)

    assert ran.code == 3
    assert sandbox.hashes() == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["--source=ebrid"], "did you mean 'ebird'", id="unknown-source"),
        pytest.param(["--source=x'; drop table observations; --"], "unknown source", id="injection"),
        pytest.param(["--source=ebird", "--start=2026-04-31"], "not a date", id="no-such-day"),
        pytest.param(["--source=ebird", "--start=yesterday"], "not a date", id="not-iso"),
        pytest.param(["--source=ebird", "--start=2026-04-20", "--end=2026-04-18"], "ends before", id="reversed"),
        pytest.param(["--source=ebird", "--start=2099-01-01"], "future", id="future"),
        pytest.param(["--source=ebird", "--start=0001-01-01"], "before", id="absurd-year"),
        pytest.param(["--source=ebird", "--start=2020-01-01", "--end=2024-01-01"], "days", id="absurd-length"),
        pytest.param(["--source=ebird", "--start=2026-04-18'; drop"], "not a date", id="injection-in-a-date"),
        pytest.param(["--source=ebird", "--exclude=no.such", "--start=2026-10-20"], "exclude", id="unknown-model"),
        pytest.param(["--source=ebird", "--end=2026-04-18"], "--start too", id="only-an-end"),
        pytest.param([], "no source", id="no-source"),
    ],
)
def test_bad_words_are_one_line_and_exit_2(sandbox: Sandbox, words: list[str], said: str) -> None:
    before = sandbox.hashes()

    ran = sandbox.invoke("ops.backfill", *words, "--yes")

    assert ran.code == 2, ran.err
    assert said in ran.document["findings"][0]["reason"] + ran.document["findings"][0]["way_out"]
    assert "Traceback" not in ran.err
    assert sandbox.hashes() == before
    assert not (sandbox.folder / ".ops").exists()


def test_a_source_without_a_date_column(sandbox: Sandbox) -> None:
    file = sandbox.folder / "invoke.yaml"
    file.write_text(file.read_text().replace("          date_column: date\n", "          {}\n"))

    ran = sandbox.invoke("ops.backfill", "--source=noaa", "--yes")

    assert ran.code == 2, ran.err
    assert "date column" in ran.document["findings"][0]["reason"]


def test_without_a_terminal_and_without_yes_the_plan_is_shown_and_refused(sandbox: Sandbox) -> None:
    before = sandbox.hashes()
    day = sandbox.today - timedelta(days=8)

    ran = sandbox.invoke("ops.backfill", "--source=ebird", f"--start={day}")

    assert ran.code == 3
    assert "Restate" in ran.err
    assert "--yes" in ran.document["findings"][0]["way_out"]
    assert sandbox.hashes() == before


def test_a_plan_cannot_write(sandbox: Sandbox) -> None:
    day = sandbox.today - timedelta(days=8)
    every = {path: path.stat().st_mtime_ns for path in sandbox.folder.rglob("*") if path.is_file()}
    before = sandbox.hashes()

    ran = sandbox.invoke("ops.backfill", "--source=ebird", f"--start={day}", "--plan")

    assert ran.code == 0, ran.err
    assert ran.document["plan"]["restatements"]
    assert sandbox.hashes() == before
    after = {path: path.stat().st_mtime_ns for path in sandbox.folder.rglob("*") if path.is_file()}
    assert {path for path in {*every, *after} if every.get(path) != after.get(path)} == set()


@pytest.mark.rehearsal
def test_a_history_that_raw_no_longer_has_is_not_rebuilt(sandbox: Sandbox) -> None:
    import duckdb

    oldest = sandbox.today - timedelta(days=20)
    with duckdb.connect(str(sandbox.folder / "data" / "raw_ebird.duckdb")) as raw:
        raw.execute("DELETE FROM main.observations WHERE observation_date < ?", [oldest])
        raw.execute("DELETE FROM main.checklists WHERE CAST(left(obs_dt, 10) AS DATE) < ?", [oldest])
    before = sandbox.hashes()
    day = sandbox.today - timedelta(days=8)

    ran = sandbox.backfill(start=day, end=day)

    assert ran.code == 3, ran.err
    reasons = [finding["reason"] for finding in ran.document["findings"]]
    assert any("ebird.species_latest (INCREMENTAL_BY_UNIQUE_KEY)" in reason for reason in reasons)
    ways = {finding["way_out"] for finding in ran.document["findings"]}
    assert all(way.startswith("--start=") for way in ways)
    assert all(way.index("--exclude=") < way.index("--allow-history-loss") for way in ways)
    first = min(way.split()[0].removeprefix("--start=") for way in ways)
    assert sandbox.backfill("--plan", start=first, end=day).code == 0
    assert sandbox.hashes() == before

    kept = ("--allow-history-loss", "--exclude=ebird.species_latest")
    allowed = sandbox.backfill(*kept, start=day, end=day)

    assert allowed.code == 0, allowed.err
    changed = {change["table"] for change in allowed.document["changes"] if change["changed"]}
    assert "ebird_staging.stg_observations" in changed
    assert "ebird.species_latest" not in changed


def test_a_key_that_a_rebuilt_model_would_lose_is_not_hidden_by_new_ones(sandbox: Sandbox) -> None:
    import duckdb

    day = sandbox.today - timedelta(days=8)
    with duckdb.connect(str(sandbox.folder / "data" / "raw_ebird.duckdb")) as raw:
        (lost,) = raw.execute(
            "SELECT species_code FROM main.observations GROUP BY ALL "
            "HAVING count(*) >= 2 AND count(*) FILTER (observation_date = ?) = 0 ORDER BY ALL LIMIT 1",
            [day],
        ).fetchall()[0]
        raw.execute(
            "UPDATE main.observations SET species_code = 'new' || (rowid % 1000) WHERE species_code = ?", [lost]
        )
    before = sandbox.hashes()

    ran = sandbox.backfill(start=day, end=day)

    assert ran.code == 4, ran.err
    assert "ebird.species_latest would lose 1 keys" in ran.document["findings"][0]["reason"]
    assert ran.document["findings"][0]["way_out"].startswith("a wider window")
    assert sandbox.hashes() == before
