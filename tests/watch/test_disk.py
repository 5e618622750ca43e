"""`watch.disk`: what is free, what is needed, and when it will be full."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from ops_tasks.scenarios.disk import Place, judge, least
from ops_tasks.scenarios.disk_forecast import days_to_full
from ops_tasks.scenarios.disk_history import DAY, HISTORY, Sample, read, thinned, write
from ops_tasks.stack import Stack, find
from tests.conftest import finish
from tests.systems.conftest import small_stack
from tests.watch.conftest import OPS

NOW = 1_800_000_000.0
HOUR = 3600.0


def samples(free: list[int], every: float = HOUR) -> list[Sample]:
    first = NOW - every * (len(free) - 1)
    return [Sample(first + every * number, "/", value, 1000) for number, value in enumerate(free)]


def test_a_steady_loss_is_a_number_of_days() -> None:
    history = samples([100_000 - 1000 * hour for hour in range(48)])
    assert days_to_full(history, "/", NOW) == pytest.approx((100_000 - 47_000) / 1000 / 24)


def test_a_clean_up_in_between_does_not_hide_the_loss() -> None:
    free = [100_000 - 1000 * hour + (60_000 if hour > 60 else 0) for hour in range(100)]
    days = days_to_full(samples(free), "/", NOW)
    assert days is not None
    assert days < 10


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        pytest.param([], None, id="nothing known"),
        pytest.param(samples([5, 4]), None, id="two samples"),
        pytest.param(samples([9, 8, 7, 6], HOUR), None, id="less than a day"),
        pytest.param(samples([5] * 30), float("inf"), id="nothing changes"),
        pytest.param(samples(list(range(30))), float("inf"), id="it gets emptier"),
        pytest.param(samples([10**6 - n for n in range(40)], 40 * DAY), None, id="older than two weeks"),
    ],
)
def test_what_is_not_known_and_what_never_comes(history: list[Sample], expected: float | None) -> None:
    assert days_to_full(history, "/", NOW) == expected


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 10**12), min_size=0, max_size=80), st.floats(60, 2 * DAY))
def test_a_forecast_is_never_negative(free: list[int], every: float) -> None:
    days = days_to_full(samples(free, every), "/", NOW)
    assert days is None or days >= 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 200 * DAY), max_size=200))
def test_what_is_kept_is_bounded_and_thinning_is_stable(ages: list[float]) -> None:
    history = [Sample(NOW - age, "/", 1, 1) for age in ages]
    kept = thinned(history, NOW)
    assert thinned(kept, NOW) == kept
    assert all(NOW - one.at <= 90 * DAY for one in kept)
    assert {one.at for one in history if NOW - one.at <= DAY} == {one.at for one in kept if NOW - one.at <= DAY}


def test_torn_lines_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, samples([3, 2, 1]))
    with (tmp_path / "watch" / HISTORY).open("a", encoding="utf-8") as file:
        file.write('{"at": 1, "disk"')
    assert read(tmp_path) == samples([3, 2, 1])


def test_every_run_is_remembered_and_measured(small: Stack, tmp_path: Path) -> None:
    command = [*OPS, "watch.disk", f"--stack={small.root}", f"--prom={tmp_path}/ops_{{watch}}.prom", "--json"]
    done = [finish(command) for _ in range(2)]
    assert [one.code for one in done] == [0, 0], done[0].err
    assert len(read(small.home)) >= 2
    text = (tmp_path / "ops_disk.prom").read_text(encoding="utf-8")
    found = {family.name: family.samples for family in text_string_to_metric_families(text)}
    assert found["ops_watch_healthy"][0].value == 1
    assert {sample.labels["disk"] for sample in found["ops_disk_free_bytes"]}
    assert (tmp_path / "ops_disk.prom").stat().st_mode & 0o777 == 0o644
    assert sorted(path.name for path in tmp_path.glob("*.prom*")) == ["ops_disk.prom"]


@pytest.mark.parametrize(
    ("prom", "said"),
    [
        ("{tmp}", "does not end in .prom"),
        ("{tmp}/none/x.prom", "is no file that can be written"),
        ("{tmp}/x.txt", "does not end in .prom"),
    ],
)
def test_a_file_that_cannot_be_is_refused_before_the_watch(small: Stack, tmp_path: Path, prom: str, said: str) -> None:
    done = finish([*OPS, "watch.disk", f"--stack={small.root}", f"--prom={prom.format(tmp=tmp_path)}"])
    assert done.code == 2
    assert said in done.err
    assert not (small.home / "watch").exists()


@pytest.fixture
def on_small_disk(tmp_path: Path) -> Iterator[Stack]:
    """A stack on a disk of 8 MB."""
    mount = tmp_path / "disk"
    mount.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(mount)], check=True)
    try:
        yield find(small_stack(mount / "stack").root)
    finally:
        subprocess.run(["umount", "--lazy", str(mount)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_disk_without_room_for_a_snapshot(on_small_disk: Stack, tmp_path: Path) -> None:
    command = [*OPS, "watch.disk", f"--stack={on_small_disk.root}", f"--prom={tmp_path}/x.prom", "--json"]
    assert finish(command).code == 0
    filler = on_small_disk.root.parent / "filler"
    filler.write_bytes(b"x" * (6 << 20))
    full = finish(command)
    assert full.code == 1
    found = json.loads(full.out)["findings"]
    assert any("a snapshot needs" in one["reason"] for one in found), found
    assert 'ops_watch_healthy{watch="disk"} 0.0' in (tmp_path / "x.prom").read_text(encoding="utf-8")
    filler.unlink()
    assert finish(command).code == 0


@pytest.mark.parametrize(
    ("total", "percent", "wanted"),
    [
        (8 * 10**6, 1, 800_000),
        (10**9, 1, 10**8),
        (5 * 10**9, 1, 10**8),
        (10**12, 1, 10**10),
        (10**12, 0, 10**8),
        (10**8, 20, 2 * 10**7),
        (0, 1, 0),
    ],
)
def test_every_disk_has_a_least(total: int, percent: float, wanted: int) -> None:
    assert least(Place("/", ("dlt",), total, 0, None), percent) == wanted


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (
            Place("/d", ("dlt",), 10**12, 9 * 10**9, None),
            "of 1,000,000.0 MB free (dlt), at least 10,000.0 MB",
        ),
        (Place("/d", ("temporary files",), 4 * 10**9, 10**6, None), "at least 100.0 MB is wanted"),
        (Place("/d", ("dlt",), 10**12, 10**11, 90_000, 10**7), "90,000 inodes left"),
        (Place("/d", ("dlt",), 10**12, 0, None), "full (dlt)"),
        (Place("/d", ("dlt",), 10**12, 2 * 10**10, 200_000, 10**7), ""),
        (Place("/d", ("dlt",), 0, 10, None), ""),
    ],
)
def test_a_disk_of_no_database_is_told_before_its_last_byte(
    small: Stack, monkeypatch: pytest.MonkeyPatch, place: Place, said: str
) -> None:
    def only(_stack: Stack) -> list[Place]:
        return [place]

    monkeypatch.setattr("ops_tasks.scenarios.disk.places", only)
    found = judge(small, print, note=False).findings
    assert [said in one.reason for one in found] == ([True] if said else [])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_a_disk_that_is_mounted_read_only_is_told(on_small_disk: Stack) -> None:
    mount = on_small_disk.root.parent
    command = [*OPS, "watch.disk", f"--stack={on_small_disk.root}", "--json"]
    assert finish(command).code == 0
    subprocess.run(["mount", "-o", "remount,ro", str(mount)], check=True)
    done = finish(command, env={"TMPDIR": str(mount)})
    assert done.code == 1, done.err
    found = {one["object"]: one["reason"] for one in json.loads(done.out)["findings"]}
    assert found[str(mount)].startswith("mounted read-only (databases, snapshots")
    assert "temporary files" in found[str(mount)]
    assert "Read-only file system" in found[str(on_small_disk.home / "watch" / HISTORY)]
    assert json.loads(finish([*command, "--plan"]).out)["findings"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_a_part_that_is_mounted_read_only_from_a_disk_that_is_not(small: Stack) -> None:
    small.home.mkdir(exist_ok=True)
    subprocess.run(["mount", "--bind", str(small.home), str(small.home)], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(small.home)], check=True)
        reasons = [one.reason for one in judge(small, print).findings]
    finally:
        subprocess.run(["umount", "--lazy", str(small.home)], check=True)
    assert any(reason == "mounted read-only (snapshots)" for reason in reasons), reasons


def test_a_history_that_cannot_be_written_is_told(small: Stack) -> None:
    (small.home / "watch").parent.mkdir(exist_ok=True)
    (small.home / "watch").write_text("a file", encoding="utf-8")
    (found,) = judge(small, print).findings
    assert found.object == str(small.home / "watch" / HISTORY)
    assert "cannot be written (File exists)" in found.reason
    assert judge(small, print, note=False).findings == ()
