"""What a report tells of every end and every kind of operation, from the journal alone."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from ops_tasks.scenarios.account_changes import days
from tests.report.journals import (
    BACK,
    FAILED,
    KEPT,
    SNAPSHOT,
    SUCCEEDED,
    WINDOW,
    WORK,
    Line,
    done,
    measured,
    planned,
    told,
)

ROLLBACK: Line = ("rollback_started", None, {})
TO_COMPARE: list[Line] = [*WORK[:-1], FAILED]

ENDS: dict[str, tuple[list[Line], str, str, list[str]]] = {
    "succeeded": ([*WORK, SUCCEEDED], "What changed", "", ["ops.rollback"]),
    "put back": (
        [*TO_COMPARE, ROLLBACK, ("put_back", None, BACK)],
        "What it had changed until it was put back",
        "marts.daily changed outside",
        [],
    ),
    "refused": ([*TO_COMPARE, ROLLBACK, ("refused", None, BACK)], "What it had changed", FAILED[2]["reason"], []),
    "rolled back": (
        [*WORK, SUCCEEDED, ROLLBACK, ("rolled_back", None, BACK)],
        "What it had changed until it was rolled back",
        "",
        [],
    ),
    "killed": (
        WORK[:-1],
        "What it had changed when it was last measured",
        "It was killed in the middle of a step: Do compare",
        ["ops.retry", "ops.rollback"],
    ),
    "killed while it was rolled back": (
        [*WORK, SUCCEEDED, ROLLBACK],
        "What it had changed when it was last measured",
        "The way back was not finished",
        ["ops.rollback"],
    ),
    "failed and left": (TO_COMPARE, "What it had changed when it was last measured", FAILED[2]["reason"], [
        "ops.retry", "ops.rollback"
    ]),
    "retried": ([*WORK[:-1], ("retried", None, {}), *WORK[-2:], SUCCEEDED], "What changed", "", ["ops.rollback"]),
}  # fmt: skip


@pytest.mark.parametrize("end", ENDS)
def test_every_end(tmp_path: Path, end: str) -> None:
    lines, heading, reason, ways = ENDS[end]
    found = told(tmp_path, [planned(), *lines], measured())
    assert (found.words.changed, found.reason) == (heading, reason)
    assert [way.command.split()[1] for way in found.ways] == ways
    assert found.good == (end in ("succeeded", "retried"))
    assert [one.table for one in found.changes] == ["raw.main.obs"]
    assert any("17 files are byte-identical" in one.said for one in found.checks) == any(
        event in ("put_back", "refused", "rolled_back") for event, _, _ in lines
    )


def test_what_was_put_back_is_proven_as_a_whole(tmp_path: Path) -> None:
    found = told(tmp_path, [planned(), *TO_COMPARE, ROLLBACK, ("put_back", None, BACK)], measured())
    assert found.untouched == ("Put back: 17 files are byte-identical to before",)
    assert found.same == ()
    assert found.figures == (("17", "files byte-identical to before"), ("1", "check failed"))


def test_a_backfill_in_numbers(tmp_path: Path) -> None:
    found = told(tmp_path, [planned(), *WORK, SUCCEEDED], measured())
    assert found.found == ("raw.main.obs: no rows on 2026-04-18 to 2026-04-20 (3 days); 21 a day are usual",)
    change = found.changes[0]
    assert (change.before, change.after, change.outside) == (399, 462, "nothing")
    assert change.what == "2026-04-18 to 2026-04-20 (3 days)"
    assert found.same == (("a.same", 7), ("b.same", 7))
    assert found.untouched[0] == "2 of 3 tables are identical by row count and fingerprint"
    assert "raw.main.obs (computed_at)" in found.untouched[-1]
    assert found.figures == (("1", "tables changed"), ("2", "tables proven untouched"))
    assert found.duration == "9 s"
    (chart,) = found.charts
    assert [(bar.before, bar.after) for bar in chart.bars if bar.differs] == [(0, 21)] * 3
    assert [str(bar.day) for bar in chart.bars if bar.inside] == WINDOW
    assert (chart.bars[0].day, chart.bars[-1].day) == (date(2026, 4, 8), date(2026, 4, 22))


def test_contents_that_changed_without_a_row_more(tmp_path: Path) -> None:
    files = measured()
    files["comparison.json"][-1] |= {"days": {WINDOW[0]: [21, 21]}, "rows": [462, 462]}
    files["before.json"] = files["after.json"]
    found = told(tmp_path, [planned(), *WORK, SUCCEEDED], files)
    assert found.changes[0].what == "contents only: 2026-04-18"
    assert found.charts[0].words == "raw.main.obs: no day has more or fewer rows; the contents of 1 differ."


def test_of_a_table_without_days_nothing_is_said_of_the_window(tmp_path: Path) -> None:
    files = measured()
    files["comparison.json"][-1] |= {"days": {}, "dated": False}
    found = told(tmp_path, [planned(), *WORK, SUCCEEDED], files)
    assert (found.changes[0].what, found.changes[0].outside) == ("rows without a day", "cannot be told")
    assert not [line for line in found.untouched if "outside of the window" in line]
    files["comparison.json"][-1] |= {"days": {"none": [1, 2], "2026-04-02": [1, 2]}, "dated": True}
    files["comparison.json"][-1] |= {"outside": ["2026-04-02", "none"]}
    strays = told(tmp_path, [planned(), *WORK, SUCCEEDED], files)
    assert strays.changes[0].outside == "2026-04-02, rows without a day"


def test_what_was_not_measured_is_not_called_unchanged(tmp_path: Path) -> None:
    stopped = told(tmp_path, [planned(), *WORK[:5]])
    assert "is not known" in stopped.changes_left
    assert (stopped.changes, stopped.untouched) == ((), ())
    early = told(tmp_path, [planned(), ("started", "snapshot", {})])
    assert early.changes_left == "Nothing had been changed yet."


LOOKED: list[Line] = [*KEPT, *done("differ", tables=1), *done("cut", files=17, identical=True, theirs=[])]


@pytest.mark.parametrize("content", [b'[{"table": "raw', b"\xff\xfe", b"", b"7", None])
def test_a_measurement_that_is_lost_is_not_called_one_that_was_never_made(
    tmp_path: Path, content: bytes | None
) -> None:
    restored = planned(**RESTORE, arguments={"snapshot": SNAPSHOT})
    for name, lines, files in (
        ("comparison.json", [planned(), *WORK, SUCCEEDED], measured()),
        ("difference.json", [restored, *LOOKED, SUCCEEDED], DIFFERENCE),
    ):
        root = tmp_path / name
        root.mkdir()
        told(root, lines, files)
        spoil(root, name, content)
        found = told(root, lines)
        assert "was measured, and is lost: " in found.changes_left
        assert found.changes_left.endswith(f"{name} {'is gone' if content is None else 'cannot be read any more'}.")
        assert (found.changes, found.untouched, found.charts) == ((), (), ())


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[]", None])
def test_without_the_rows_per_day_it_is_told_why_there_are_no_charts(tmp_path: Path, content: bytes | None) -> None:
    lines = [planned(), *WORK, SUCCEEDED]
    told(tmp_path, lines, measured())
    spoil(tmp_path, "after.json", content)
    found = told(tmp_path, lines)
    assert (len(found.changes), found.charts) == (1, ())
    assert found.changes_left.startswith("The rows per day are lost, and no chart can be drawn: ")


def spoil(root: Path, name: str, content: bytes | None) -> None:
    """Give a file beside the journal another content, or none."""
    (file,) = root.glob(f".ops/operations/*/{name}")
    file.unlink()
    if content is not None:
        file.write_bytes(content)


def test_one_that_runs_is_not_called_stopped(tmp_path: Path) -> None:
    found = told(tmp_path, [planned(), *WORK[:5]], running=True)
    assert (found.status, found.reason, found.ways) == ("running", "", ())
    assert [one.status for one in found.did] == ["done", "done", "running", "pending"]
    assert found.timeline[-1].what == "It is running in the middle of a step: Do restate"


def test_a_killed_one_that_was_taken_up_again_tells_both(tmp_path: Path) -> None:
    found = told(tmp_path, [planned(), *KEPT, ("started", "restate", {}), ("retried", None, {}), *WORK[4:], SUCCEEDED])
    told_of = [(one.what, one.bad) for one in found.timeline]
    assert ("It was killed in the middle of a step: Do restate", True) in told_of
    assert ("It was taken up again", False) in told_of
    assert [one.status for one in found.did] == ["done", "pending", "done", "done"]


def test_a_rolled_back_one_took_as_long_as_its_work(tmp_path: Path) -> None:
    found = told(tmp_path, [planned(), *WORK, SUCCEEDED, ROLLBACK, ("rolled_back", None, BACK)], measured())
    assert found.duration == "9 s"
    assert found.undone is not None
    assert found.undone > found.ended


def test_a_snapshot_that_is_gone(tmp_path: Path) -> None:
    told(tmp_path, [planned(), *WORK, SUCCEEDED])
    (tmp_path / ".ops" / "snapshots" / SNAPSHOT / "manifest.json").unlink()
    from ops_tasks.operation.journal import history
    from ops_tasks.scenarios.account import account
    from ops_tasks.stack import find

    stack = find(str(tmp_path))
    found = account(stack, history(stack.home)[0])
    assert found.ways == ()
    assert found.back == f"It cannot be undone any more: its snapshot {SNAPSHOT} is gone."


def test_a_file_that_others_wrote_meanwhile_is_no_success(tmp_path: Path) -> None:
    evidence = BACK | {"theirs": ["data/raw.duckdb"]}
    found = told(tmp_path, [planned(), *KEPT, FAILED, ROLLBACK, ("put_back", None, evidence)])
    assert ("Put back", "16 files are byte-identical to before", True) in [
        (one.name, one.said, one.well) for one in found.checks
    ]
    assert [one.said for one in found.checks if not one.well][-1].endswith("data/raw.duckdb")


RESTORE: dict[str, Any] = {"task": "ops.restore", "title": "restore of everything from good", "steps": []}
DIFFERENCE: dict[str, Any] = {
    "difference.json": {
        "raw.main.obs": {
            "days": {"2026-04-01": [5, 0, 0], "2026-04-03": [2, 1, 4], "none": [1, 0, 0]},
            "added": 8, "removed": 1, "changed": 4, "before": None, "after": 30, "columns": ["new"],
        }
    }
}  # fmt: skip


def test_a_restore_that_looked_first(tmp_path: Path) -> None:
    seen = ["the state of 2026-04-22T05:53:09.756980+00:00 is there as good"]
    plan = planned(**RESTORE, arguments={"snapshot": SNAPSHOT}, seen=seen)
    cut = done("cut", files=17, identical=True, theirs=[], replaced=[])
    found = told(tmp_path, [plan, *KEPT, *done("differ", tables=1, added=8), *cut, SUCCEEDED], DIFFERENCE)
    assert found.found == ("the state of 2026-04-22 05:53 UTC is there as good",)
    (change,) = found.changes
    assert (change.before, change.after, change.outside) == (None, 30, None)
    expected = "8 rows added, 1 rows removed, 4 rows changed; columns of one side only: new"
    assert change.what == f"{expected}; 2026-04-01, 2026-04-03 (2 days)"
    assert [(bar.before, bar.after) for bar in found.charts[0].bars] == [(0, 5), (0, 0), (5, 6)]
    assert ("Do cut", "17 files are byte-identical to the snapshot's") in [(c.name, c.said) for c in found.checks]


def test_a_restore_tells_what_could_not_be_read(tmp_path: Path) -> None:
    one: dict[str, Any] = {
        "days": {},
        "added": 0,
        "removed": 0,
        "changed": 0,
        "before": None,
        "after": 3,
        "columns": [],
    }
    files = {"difference.json": {"marts.odd": one | {"unread": {"before": "Conversion Error: x"}}}}
    plan = planned(**RESTORE, arguments={"snapshot": SNAPSHOT})
    found = told(tmp_path, [plan, *LOOKED, SUCCEEDED], files)
    assert [(change.table, change.what) for change in found.changes] == [
        ("marts.odd", "not readable before, Conversion Error: x")
    ]


def test_a_restore_that_was_not_confirmed_changed_nothing(tmp_path: Path) -> None:
    no: Line = ("failed", "cut", {"reason": "the cut was not confirmed", "way_out": ""})
    plan = planned(**RESTORE, arguments={"snapshot": SNAPSHOT})
    found = told(tmp_path, [plan, *KEPT, *done("differ"), no, ROLLBACK, ("refused", None, BACK)], DIFFERENCE)
    assert (found.changes, found.charts) == ((), ())
    assert found.changes_left == "1 tables differed from the past that was to come back; nothing came of it."


def test_a_rebuild_tells_what_tables_had(tmp_path: Path) -> None:
    look = {"rows": 40, "days": 4, "first": "2026-04-01", "last": "2026-04-04", "where": "good"}
    arguments = {"snapshot": SNAPSHOT, "before": {'"db"."s"."t"': look}}
    now = {'"db"."s"."t"': {**look, "rows": 39, "problem": ""}}
    plan = planned(task="ops.rebuild", title="rebuild of data/db.duckdb", arguments=arguments, steps=[])
    found = told(tmp_path, [plan, *KEPT, *done("compare", tables=now, lost=[]), SUCCEEDED])
    (change,) = found.changes
    assert (change.table, change.before, change.after) == ("db.s.t", 40, 39)
    assert change.what == "made again: 4 days, 2026-04-01 to 2026-04-04; 4 days in good"
    assert ("Do compare", "1 tables have all their days") in [(one.name, one.said) for one in found.checks]


def test_a_resumption_counts_its_runs(tmp_path: Path) -> None:
    runs = [*done("fill a", run="r1", partition="2026-04-01"), *done("fire b", run="r2", partition=None)]
    checked = done("checks", passed=12, assets=["a", "b"]) + done("freshness", assets=4, late={"c": "was late"})
    plan = planned(task="ops.resume", title="resume of ebird_daily", arguments={"snapshot": SNAPSHOT}, steps=[])
    found = told(tmp_path, [plan, *KEPT, *runs, *checked, SUCCEEDED])
    assert ("2", "missed runs made up for") in found.figures
    said = {one.name: one.said for one in found.checks}
    assert said["Do checks"] == "12 checks of 2 assets"
    assert said["Do freshness"] == "4 assets with an SLA; late, and not of these runs: c"


def test_a_promotion_names_its_models(tmp_path: Path) -> None:
    expected = {"changes": True, "added": [], "modified": ["noaa.daily"], "removed": ["noaa.old"]}
    plan = planned(task="promote", arguments={"snapshot": SNAPSHOT, "expected": expected}, steps=[])
    found = told(tmp_path, [plan, *KEPT, *done("contracts", said="8 of 8 contracts passed, 81 checks"), SUCCEEDED])
    assert found.found == (
        "The plan had these models modified: noaa.daily",
        "The plan had these models removed: noaa.old",
    )
    assert ("8 of 8", "contracts hold") in found.figures
    assert "does not count rows per day" in found.changes_left


def test_a_journal_that_has_lost_its_first_line(tmp_path: Path) -> None:
    found = told(tmp_path, [*KEPT, ("started", "restate", {"title": "Restate"})])
    assert found.title == "operation abc123"
    assert found.timeline[1].what == "Do snapshot"
    assert [one.title for one in found.did] == ["Do snapshot", "Restate"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], ""),
        ([1], "2026-04-01"),
        ([1, 2, 3], "2026-04-01 to 2026-04-03 (3 days)"),
        ([3, 1, 1], "2026-04-01, 2026-04-03 (2 days)"),
        ([1, 3, 5, 7, 9, 11],
         "2026-04-01, 2026-04-03, 2026-04-05, 2026-04-07 and 2 more spans (6 days)"),
    ],
)  # fmt: skip
def test_days_are_told_as_spans(given: list[int], expected: str) -> None:
    assert days(date(2026, 4, day) for day in given) == expected
