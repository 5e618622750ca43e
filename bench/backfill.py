"""The guarded backfill against the runbook's own three commands, typed by hand on the same stack.

By hand: `dagster asset materialize` of the source, `sqlmesh plan --restate-model` of the right set of models, and
`soda contract verify` one contract after the other, all of them, as the runbook says (the guarded backfill verifies
those of the models it restated). By hand there is no diagnosis, no snapshot, no gate, no proof and no undo.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from statistics import median

from bench.machine import words
from bench.measure import Cost, cost
from ops_tasks.systems.worker import QUIET
from sandbox import stacks
from sandbox.api import state as states
from sandbox.api.server import serve

ROOT = Path(__file__).resolve().parents[1]
MODELS = (
    "ebird_staging.stg_observations",
    "ebird_staging.stg_checklists",
    "ebird_staging.stg_evidence",
)
# The runbook verifies every contract (`--select '*'`); the one of the view over the raw catalogs is left out, because
# Soda's command line opens one database only.
CONTRACTS = (
    "ebird/fct_daily_bird_observations",
    "ebird/dim_species",
    "ebird/species_latest",
    "ebird/species_status_history",
    "analytics/fct_species_environment_daily",
    "noaa/fct_daily_weather",
    "usgs/fct_daily_streamflow",
)
SOURCE = "type: duckdb\nname: databox\nconnection:\n  database: {database}\n  read_only: true\n"


@dataclass(frozen=True)
class Compared:
    """Medians of both ways, and every run."""

    guarded: Cost
    by_hand: Cost
    runs: tuple[tuple[Cost, Cost], ...]


def report(rounds: int, say: Callable[[str], None]) -> str:
    """Compare both ways; a table of medians and ratios."""
    found = compare(rounds, say)
    ours, theirs = found.guarded, found.by_hand
    return (
        f"guarded backfill against the three commands by hand, median of {rounds}\n{words(ROOT)}\n"
        f"{'':12}{'guarded':>12}{'by hand':>12}{'ratio':>8}\n"
        f"{'wall time':12}{ours.seconds:>10.1f} s{theirs.seconds:>10.1f} s{ours.seconds / theirs.seconds:>8.2f}\n"
        f"{'peak memory':12}{ours.megabytes:>9.0f} MB{theirs.megabytes:>9.0f} MB"
        f"{ours.megabytes / theirs.megabytes:>8.2f}"
    )


def compare(rounds: int, say: Callable[[str], None]) -> Compared:
    """Run both ways `rounds` times, in turn, each on a fresh copy of the same loaded stack with the same bad window."""
    runs: list[tuple[Cost, Cost]] = []
    with tempfile.TemporaryDirectory(prefix="ops-bench-") as temporary:
        loaded = Path(temporary) / "loaded"
        stacks.up(loaded, serve=False, validate=False)
        for number in range(1, rounds + 1):
            pair = (
                _once(loaded, Path(temporary) / f"guarded-{number}", _guarded),
                _once(loaded, Path(temporary) / f"by-hand-{number}", _by_hand),
            )
            runs.append(pair)
            ours, theirs = pair
            say(f"round {number}: guarded {ours.seconds:.1f} s, by hand {theirs.seconds:.1f} s")
    return Compared(_median([ours for ours, _ in runs]), _median([theirs for _, theirs in runs]), tuple(runs))


def _once(loaded: Path, folder: Path, way: Callable[[Path, date, date], Cost]) -> Cost:
    stacks.copy(loaded, folder)
    with serve(folder):
        today = states.read(folder).today
        start, end = today - timedelta(days=12), today - timedelta(days=10)
        states.write(folder, states.with_fault(states.read(folder), states.fault("corrected", "ebird", start, end)))
        spent = way(folder, start, end)
        wrong = stacks.truth(folder)
    if wrong and way is _guarded:
        raise RuntimeError(f"the guarded backfill left {len(wrong)} tables wrong")
    shutil.rmtree(folder)
    return spent


def _guarded(folder: Path, start: date, end: date) -> Cost:
    words = ["ops.backfill", "--source=ebird", f"--start={start}", f"--end={end}", "--yes", f"--stack={folder}"]
    return cost([sys.executable, "-m", "invoke", *words], ROOT, QUIET, folder / "bench.log")


def _by_hand(folder: Path, start: date, end: date) -> Cost:
    tools = Path(sys.executable).parent
    home = folder / ".dagster"
    env = QUIET | {
        "DAGSTER_HOME": str(home),
        "DATABOX_BACKFILL_START": str(start),
        "DATABOX_BACKFILL_END": str(end),
        "PYTHONPATH": str(folder),
    }
    log = folder / "bench.log"
    spent = cost(
        [
            str(tools / "dagster"),
            "asset",
            "materialize",
            "--select",
            "group:ebird_ingestion",
            "-m",
            "databox.definitions",
        ],
        folder,
        env,
        log,
    )
    # ops-allow: restate -- what a person types, on a stack of the benchmark's own
    restate = [word for model in MODELS for word in ("--restate-model", model)]
    window = ["--start", str(start), "--end", str(end)]
    plan = [str(tools / "sqlmesh"), "plan", "prod", *window, *restate, "--no-prompts", "--auto-apply"]
    spent += cost(plan, folder / "transforms" / "main", env, log)
    source = folder / "soda.yml"
    source.write_text(SOURCE.format(database=folder / "data" / "databox.duckdb"), encoding="utf-8")
    for contract in CONTRACTS:
        verify = ["contract", "verify", "--data-source", str(source), "--contract", f"contracts/{contract}.yml"]
        spent += cost([str(tools / "soda"), *verify], folder, env, log)
    return spent


def _median(costs: list[Cost]) -> Cost:
    return Cost(median(one.seconds for one in costs), median(one.megabytes for one in costs))
