"""The keep-policy as a function: what stays, what goes, and what no policy can remove."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops_tasks.errors import UsageError
from ops_tasks.systems.retention import BUCKETS, FORENSIC_DAYS, Pin, Policy, choose, parse_until, parse_within
from ops_tasks.systems.snapshots import Snapshot

NOW = datetime(2026, 4, 23, 12, tzinfo=UTC)


def snapshot(
    name: str, hours: float, *, verified: bool = True, forensic: bool = False, damaged: bool = False
) -> Snapshot:
    taken = NOW - timedelta(hours=hours)
    manifest = {"forensic": True} if forensic else {}
    problems = ("raw.duckdb is missing",) if damaged else ()
    when = taken if verified and not damaged else None
    return Snapshot(name, Path("/nowhere") / name, taken, 1, "", when, manifest, problems)


def kept(taken: list[Snapshot], policy: Policy, **more: dict[str, object]) -> list[str]:
    decisions = choose(taken, policy, NOW, more.get("pins", {}), more.get("needed", {}))  # pyright: ignore[reportArgumentType]
    return [one.name for one in decisions if one.reasons]


DAILY = [snapshot(f"d{day}", 24 * day) for day in range(20)]


@pytest.mark.parametrize(
    ("policy", "names"),
    [
        (Policy(last=2), ["d0", "d1"]),
        (Policy(daily=3), ["d0", "d1", "d2"]),
        (Policy(weekly=2), ["d0", "d4"]),
        (Policy(monthly=1), ["d0"]),
        (Policy(within=timedelta(days=2)), ["d0", "d1"]),
        (Policy(last=1, weekly=3), ["d0", "d4", "d11"]),
        (Policy(), ["d0"]),
    ],
    ids=str,
)
def test_what_a_policy_keeps(policy: Policy, names: list[str]) -> None:
    assert kept(DAILY, policy) == names


def test_of_several_on_a_day_the_newest_stays() -> None:
    assert kept([snapshot("a", 1), snapshot("b", 2), snapshot("c", 30)], Policy(daily=2)) == ["a", "c"]


def test_the_newest_verified_one_stays_however_old() -> None:
    assert kept([snapshot("new", 1, verified=False), snapshot("old", 999)], Policy(last=1)) == ["new", "old"]


def test_pins_hold_until_their_day_is_over() -> None:
    pins: dict[str, object] = {
        "d5": Pin(None, ""),
        "d6": Pin(NOW.date(), ""),
        "d7": Pin(NOW.date() - timedelta(days=1), ""),
    }
    assert kept(DAILY, Policy(last=1), pins=pins) == ["d0", "d5", "d6"]


def test_what_an_operation_needs_stays() -> None:
    decisions = choose(DAILY, Policy(last=1), NOW, {}, {"d9": "operation abc (stopped)"})
    assert next(one.reasons for one in decisions if one.name == "d9") == ("operation abc (stopped)",)


def test_copies_of_damage_are_evidence_for_a_month_and_never_something_to_recover_from() -> None:
    recent = snapshot("recent", 1, forensic=True)
    old = snapshot("old", 24 * FORENSIC_DAYS + 1, forensic=True)
    assert kept([recent, old, snapshot("good", 48)], Policy(last=1)) == ["recent", "good"]


def test_a_damaged_one_takes_no_place_of_a_whole_one_but_is_better_than_none() -> None:
    whole, damaged = snapshot("whole", 3), [snapshot("a", 1, damaged=True), snapshot("b", 2, damaged=True)]
    assert kept([*damaged, whole], Policy(daily=1)) == ["whole"]
    assert kept(damaged, Policy(daily=1)) == ["a"]


def test_within_counts_from_the_newest_snapshot() -> None:
    assert kept(DAILY[10:], Policy(within=timedelta(days=3))) == ["d10", "d11", "d12"]


def anything(hours: int, verified: bool, forensic: bool, damaged: bool) -> Snapshot:
    return snapshot(f"s{hours}", hours, verified=verified, forensic=forensic, damaged=damaged)


TAKEN = st.lists(
    st.builds(anything, st.integers(0, 3000), st.booleans(), st.booleans(), st.booleans()),
    max_size=25,
    unique_by=lambda one: one.name,
)
NUMBERS = st.tuples(*(st.integers(0, 6) for _ in range(5)))


def policy_of(numbers: tuple[int, ...]) -> Policy:
    return Policy(*numbers[:4], within=timedelta(days=numbers[4]))


@given(TAKEN, NUMBERS)
def test_the_newest_verified_one_is_never_removed(taken: list[Snapshot], numbers: tuple[int, ...]) -> None:
    proven = [one for one in sorted(taken, key=lambda one: one.created_at) if one.verified_at and not one.forensic]
    assert not proven or proven[-1].name in kept(taken, policy_of(numbers))


@given(TAKEN, NUMBERS)
def test_what_is_left_is_left_alone_the_next_time(taken: list[Snapshot], numbers: tuple[int, ...]) -> None:
    stays = kept(taken, policy_of(numbers))
    assert kept([one for one in taken if one.name in stays], policy_of(numbers)) == stays


@given(TAKEN, NUMBERS, NUMBERS)
def test_more_policy_removes_no_more(taken: list[Snapshot], less: tuple[int, ...], extra: tuple[int, ...]) -> None:
    more = tuple(first + second for first, second in zip(less, extra, strict=True))
    assert set(kept(taken, policy_of(less))) <= set(kept(taken, policy_of(more)))


@given(TAKEN, NUMBERS)
def test_for_what_goes_something_newer_stays(taken: list[Snapshot], numbers: tuple[int, ...]) -> None:
    """In its own day (week, month), or in as many later ones as were asked for."""
    policy = policy_of(numbers)
    ordinary = [one for one in taken if not one.forensic and not one.problems]
    stays = [one for one in ordinary if one.name in kept(taken, policy)]
    for gone in (one for one in ordinary if one not in stays):
        for count, bucket in BUCKETS.values():
            newer = {bucket(one) for one in stays if one.created_at > gone.created_at}
            assert bucket(gone) in newer or len(newer) >= count(policy)


@pytest.mark.parametrize(
    ("text", "hours"), [("", 0), ("7d", 168), ("12h", 12), ("1m", 31 * 24), ("1y5m7d2h", 366 * 24 + 155 * 24 + 170)]
)
def test_a_duration(text: str, hours: int) -> None:
    assert parse_within(text) == timedelta(hours=hours)


@pytest.mark.parametrize("text", ["7", "d", "-7d", "7w", "2h7d", "7 d", "99999999999d"])
def test_no_duration(text: str) -> None:
    with pytest.raises(UsageError, match="--keep-within"):
        parse_within(text)


@pytest.mark.parametrize(("text", "day"), [("", None), ("2026-05-01", date(2026, 5, 1)), ("2026-04-23", NOW.date())])
def test_a_day_to_come(text: str, day: date | None) -> None:
    assert parse_until(text, NOW.date()) == day


@pytest.mark.parametrize("text", ["tomorrow", "2026-13-01", "2026-04-22"])
def test_a_day_that_is_none_or_over(text: str) -> None:
    with pytest.raises(UsageError):
        parse_until(text, NOW.date())
