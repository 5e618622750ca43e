"""What may differ between two measurements."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from ops_tasks.scenarios.compare import Role, compare
from ops_tasks.scenarios.window import Window

WINDOW = Window(date(2026, 4, 14), date(2026, 4, 16))
WIDER = Window(date(2026, 4, 12), date(2026, 4, 16))
RELOADED = Role("reloaded", may_change=WINDOW)
RESTATED = Role("restated", "INCREMENTAL_BY_TIME_RANGE", may_change=WIDER)
WHOLE = Role("restated", "FULL", keeps_rows=True)


def table(days: dict[str, tuple[int, str]] | None = None, *, rows: int = 0, fingerprint: str = "0") -> dict[str, Any]:
    """A measurement by day, or in all for a table without days."""
    days = days or {}
    return {
        "rows": sum(count for count, _ in days.values()) if days else rows,
        "fingerprint": str(sum(int(value) for _, value in days.values())) if days else fingerprint,
        "days": {day: list(value) for day, value in days.items()},
        "excluded": [],
        "date_column": "d" if days else None,
    }


BEFORE = {"2026-04-10": (5, "50"), "2026-04-13": (5, "51"), "2026-04-15": (5, "52"), "none": (1, "9")}


def changed(**days: tuple[int, str] | None) -> dict[str, Any]:
    """BEFORE with some days changed: `d15=(6, "99")`, `d10=None` for a day that is gone, `none=...`."""
    names = {key: key if key == "none" else f"2026-04-{key[1:]}" for key in days}
    merged = {**BEFORE, **{names[key]: value for key, value in days.items()}}
    return table({day: value for day, value in merged.items() if value is not None})


def reasons(after: dict[str, Any], role: Role, *, allow: bool = False, before: dict[str, Any] | None = None) -> str:
    old = table(BEFORE) if before is None else before
    found = compare({"t": old}, {"t": after}, {"t": role}, WINDOW, allow_history_loss=allow)
    assert all(violation.way_out for violation in found.violations)
    return "; ".join(violation.reason for violation in found.violations)


@pytest.mark.parametrize(
    ("after", "role", "reason"),
    [
        pytest.param(changed(), Role("untouched"), "", id="untouched"),
        pytest.param(changed(d15=(5, "53")), Role("untouched"), "was to stay as it is", id="untouched, changed"),
        pytest.param(changed(d15=(9, "53")), RELOADED, "", id="inside"),
        pytest.param(changed(d15=None), RELOADED, "", id="a day of the window is gone"),
        pytest.param(changed(d14=(1, "1")), RELOADED, "", id="a day of the window is new"),
        pytest.param(changed(d13=(5, "99")), RELOADED, "changed outside of 2026-04-14", id="one value on another day"),
        pytest.param(
            changed(d13=None), RELOADED, "outside of 2026-04-14..2026-04-16: 2026-04-13", id="another day gone"
        ),
        pytest.param(
            changed(d17=(1, "1")), RELOADED, "outside of 2026-04-14..2026-04-16: 2026-04-17", id="another new"
        ),
        pytest.param(changed(none=(2, "19")), RELOADED, "outside of 2026-04-14..2026-04-16: none", id="without a day"),
        pytest.param(changed(d13=(5, "99")), RESTATED, "", id="a wider range of its own"),
        pytest.param(changed(d10=(5, "99")), RESTATED, "changed outside of 2026-04-12", id="outside the wider range"),
        pytest.param(changed(d10=(5, "99")), WHOLE, "", id="whole table: other values outside"),
        pytest.param(changed(d10=(6, "99")), WHOLE, "", id="whole table: more rows outside"),
        pytest.param(changed(d15=(1, "1")), WHOLE, "", id="whole table: fewer rows inside"),
        pytest.param(changed(d10=(4, "40")), WHOLE, "lose rows outside of 2026-04-14", id="whole table: fewer outside"),
        pytest.param(changed(none=None), WHOLE, "lose rows outside of", id="whole table: undated rows are gone"),
        pytest.param(changed(d10=(1, "1")), Role("restated", "FULL"), "", id="whole table that need not keep rows"),
    ],
)
def test_rights(after: dict[str, Any], role: Role, reason: str) -> None:
    found = reasons(after, role)
    assert reason in found
    assert bool(found) == bool(reason)


def test_history_may_be_lost_when_it_is_allowed() -> None:
    assert reasons(changed(d10=None), WHOLE, allow=True) == ""
    assert "outside" in reasons(changed(d10=None), RELOADED, allow=True)


@pytest.mark.parametrize(
    ("rows", "role", "reason"),
    [
        (10, WHOLE, ""),
        (11, WHOLE, ""),
        (9, WHOLE, "would lose 1 rows of its history"),
        (10, Role("untouched"), "was to stay as it is"),
    ],
)
def test_a_table_without_days(rows: int, role: Role, reason: str) -> None:
    before, after = table(rows=10, fingerprint="1"), table(rows=rows, fingerprint="2")
    found = reasons(after, role, before=before)
    assert reason in found
    assert bool(found) == bool(reason)


@pytest.mark.parametrize(("allow", "reason"), [(False, "t would lose 2 keys that it had"), (True, "")])
def test_gains_do_not_hide_lost_keys(allow: bool, reason: str) -> None:
    before, after = table(rows=10, fingerprint="1"), table(rows=15, fingerprint="2")
    found = compare({"t": before}, {"t": after}, {"t": WHOLE}, WINDOW, allow_history_loss=allow, lost={"t": 2})
    assert "; ".join(violation.reason for violation in found.violations) == reason
    ways = [violation.way_out for violation in found.violations]
    assert all(way.startswith("a wider window") and "--exclude=t " in way for way in ways)


def test_a_row_that_only_moved_to_another_day_is_a_change() -> None:
    """A child row has no day in itself: its table's total stays the same when its parent moves."""
    before = table({"2026-04-10": (2, "30"), "2026-04-11": (1, "10")})
    after = table({"2026-04-10": (1, "10"), "2026-04-11": (2, "30")})
    assert before["fingerprint"] == after["fingerprint"]
    found = compare({"t": before}, {"t": after}, {}, WINDOW, allow_history_loss=False)
    assert found.changes[0].changed
    assert "was to stay as it is" in found.violations[0].reason


ALONE = {**BEFORE, "no parent": (3, "7")}


@pytest.mark.parametrize(
    ("before", "after", "role", "reason"),
    [
        pytest.param(ALONE, BEFORE, RELOADED, "", id="removed with the window"),
        pytest.param(ALONE, ALONE, RELOADED, "t has 3 rows without a parent", id="left"),
        pytest.param(BEFORE, ALONE, RELOADED, "t has 3 rows without a parent", id="made"),
        pytest.param(ALONE, {**BEFORE, "none": (2, "8")}, RELOADED, "outside of 2026-04-14", id="one without a day"),
        pytest.param(ALONE, BEFORE, RESTATED, "outside of 2026-04-12..2026-04-16: no parent", id="not reloaded"),
        pytest.param(ALONE, BEFORE, Role("untouched"), "was to stay as it is", id="of another source"),
        pytest.param(ALONE, ALONE, Role("untouched"), "", id="left in another source"),
    ],
)
def test_rows_without_a_parent_may_go_from_what_is_reloaded_and_none_may_stay(
    before: dict[str, tuple[int, str]], after: dict[str, tuple[int, str]], role: Role, reason: str
) -> None:
    found = reasons(table(after), role, before=table(before))
    assert reason in found
    assert bool(found) == bool(reason)


def test_how_many_rows_without_a_parent_went_is_told() -> None:
    found = compare({"t": table(ALONE)}, {"t": table(BEFORE)}, {"t": RELOADED}, WINDOW, allow_history_loss=False)
    assert found.changes[0].orphans == (3, 0)


def test_tables_that_appear_or_vanish() -> None:
    found = compare({"a": table(BEFORE)}, {"b": table(BEFORE)}, {"a": WHOLE}, WINDOW, allow_history_loss=True)
    assert [violation.reason for violation in found.violations] == ["a has vanished", "b has appeared"]
    assert found.changes == ()


def test_tells_what_changed() -> None:
    after = {"t": changed(d10=(7, "1"), d15=None), "u": table(BEFORE)}
    found = compare({"t": table(BEFORE), "u": table(BEFORE)}, after, {"t": WHOLE}, WINDOW, allow_history_loss=False)
    change, same = found.changes
    assert change.days == {"2026-04-10": (5, 7), "2026-04-15": (5, 0)}
    assert change.outside == ("2026-04-10",)
    assert change.rows == (16, 13)
    assert (change.changed, change.dated, same.changed, same.days) == (True, True, False, {})
    assert found.untouched == 1
