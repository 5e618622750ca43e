"""Days to full of disks that leak, and of disks that are well: a rebuild at night, a prune a week, slow growth."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import pytest

from ops_tasks.scenarios.disk_forecast import days_to_full
from ops_tasks.scenarios.disk_history import DAY, Sample

HOUR = 3600.0
GB = 10**9
BEGIN = 1_800_000_000 // DAY * DAY
ALARM = 7.0  # the default of `watch.disk.days`
HELD = 15 * 24


def samples(free: Sequence[float]) -> list[Sample]:
    """One an hour, `free` in GB."""
    return [Sample(BEGIN + HOUR * hour, "/", max(0, int(value * GB)), 1000) for hour, value in enumerate(free)]


def told(history: Sequence[Sample], at: int) -> bool:
    """Whether a watch at hour `at` finds that the disk will be full soon."""
    days = days_to_full(history[max(0, at - HELD) : at + 1], "/", history[at].at)
    return days is not None and days < ALARM


def flat(hours: int) -> list[float]:
    return [100.0] * hours


def well(hours: int, seed: int = 0, dip: int = 1) -> list[float]:
    """A disk that takes 8 to 12 GB for `dip` hours from two at night, loses 7 GB a week and gets back nearly all."""
    chance = random.Random(seed)  # noqa: S311 - a simulation
    taken = [chance.uniform(8, 12) for _ in range(hours // 24 + 1)]
    share = [(hour % 24 - 1) / dip if 2 <= hour % 24 < 2 + dip else 0.0 for hour in range(hours)]
    return [
        90 - 0.03 * hour / 24 - (hour / 24 + chance.random() / 24) % 7 - taken[hour // 24] * share[hour]
        for hour in range(hours)
    ]


def leaking(before: Sequence[float], days: float, begin: int) -> list[float]:
    """The disk, with a leak from `begin` on that takes in `days` what was free then; ends when nothing is."""

    def lost() -> Iterator[float]:
        for hour, free in enumerate(before):
            left = free - max(0, hour - begin) / 24 / days * before[begin]
            yield left
            if left <= 0:
                return

    return list(lost())


@pytest.mark.parametrize("days", [1, 2, 3, 3.9])
def test_a_disk_that_was_flat_for_ten_days_and_is_nearly_full_is_told(days: float) -> None:
    history = samples(leaking(flat(20 * 24), days * 100 / 99, 10 * 24)[: 10 * 24 + round(days * 24) + 1])
    left = days_to_full(history, "/", history[-1].at)
    assert left is not None
    assert left < 0.5


@pytest.mark.parametrize("disk", [flat, well, partial(well, dip=6)], ids=["flat", "sawtooth", "long dips"])
@pytest.mark.parametrize("days", [1, 1.5, 2, 3, 3.9, 5, 7])
def test_a_leak_is_told_hours_before_the_disk_is_full(disk: Callable[[int], list[float]], days: float) -> None:
    for begin in (14 * 24, 16 * 24 + 8, 17 * 24 + 20):
        history = samples(leaking(disk(30 * 24), days, begin))
        first = next(at for at in range(begin, len(history)) if told(history, at))
        assert len(history) - 1 - first >= min(12, 12 * days), (days, begin)


@pytest.mark.parametrize("dip", [1, 6])
def test_a_disk_that_is_well_is_no_false_alarm(dip: int) -> None:
    """1,000 days, looked at in the dip of every night and at some other hour of every day."""
    for seed in range(20):
        history = samples(well(39 * 24, seed, dip))
        looks = [day * 24 + hour for day in range(14, 39) for hour in (1 + dip, (day * 7 + seed) % 24)]
        assert [at for at in looks if told(history, at)] == []


@pytest.mark.parametrize("dip", [6, 12])
def test_a_habit_that_takes_two_thirds_of_what_is_free_is_no_false_alarm(dip: int) -> None:
    history = samples([18 - 11 * max(0, hour % 24 - 2) / dip if hour % 24 < 2 + dip else 18 for hour in range(25 * 24)])
    assert [at for at in range(14 * 24, len(history)) if told(history, at)] == []


def test_what_a_load_took_last_night_is_no_leak() -> None:
    free = [value - (30 if hour >= 20 * 24 else 0) for hour, value in enumerate(well(25 * 24))]
    history = samples(free)
    assert [at for at in range(19 * 24, len(history)) if told(history, at)] == []


def test_a_leak_that_comes_again_after_a_clean_up_is_told() -> None:
    first = leaking(flat(40 * 24), 2, 12 * 24)[: 12 * 24 + 44]
    history = samples(leaking([*first, *flat(10 * 24)], 2, len(first) + 24))
    found = next(at for at in range(len(first) + 24, len(history)) if told(history, at))
    assert len(history) - 1 - found >= 6


def test_few_samples_of_late_are_no_forecast_of_their_own() -> None:
    history = samples(flat(13 * 24))
    begin = history[-1].at + 6 * HOUR
    history += [Sample(begin + 4 * HOUR * step, "/", (100 - 10 * step) * GB, 1000) for step in range(1, 6)]
    assert days_to_full(history, "/", history[-1].at) == float("inf")


def test_a_night_that_takes_and_never_gives_back_is_told() -> None:
    free = [100 - 24 * max(0, (hour - 13 * 24) // 24) for hour in range(18 * 24)]
    history = samples(free)
    assert told(history, 16 * 24 + 1)
    assert history[16 * 24 + 1].free == 28 * GB
