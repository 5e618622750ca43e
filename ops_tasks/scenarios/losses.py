"""Rows that were there when a snapshot was taken and are not there now: what a bad write leaves behind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ops_tasks.operation.journal import history
from ops_tasks.scenarios.symptoms import Line, Symptom, counted
from ops_tasks.scenarios.verify import Say
from ops_tasks.scenarios.witnesses import Witness, fullest, habits, model_of, standing, witnesses
from ops_tasks.stack import Stack
from ops_tasks.systems.crew import Crew

MEANT = "if they were meant to go, agree to it: invoke snapshot.create --name=NAME"


def losses(stack: Stack, hands: Crew, _say: Say) -> Line:
    """Tables that have far fewer rows than the fullest of their witnesses (less than `gate.keep` percent).

    A model's table that is gone is drift, and told by another probe. One that comes and goes by itself is judged by its
    usual low, and noted.
    """
    done = history(stack.home)
    taken = standing(stack, done)
    seen = witnesses(stack, taken, done)
    if not seen:
        return Line("losses", "there is no snapshot to compare with")
    hands.call("duck", "be_polite")
    described = hands.call("duck", "describe", databases=stack.readable, state=None, environment="")
    raw = tuple(f"{source.catalog}.{source.dataset}." for source in stack.config.sources.values())
    held = sorted({name for one in seen for name in one.rows if _is_kept(name, raw)})
    now: dict[str, int] = {name: 0 for name in held if name.startswith(raw)} | described["rows"]
    keep = stack.config.gate.keep
    fell, lows = list(_fell(held, seen, now, keep)), habits(taken, keep)
    found = tuple(
        Symptom("bad-write", shown(name), f"{now[name]:,} rows, {had:,} in {one.name}", _way_out(one))
        for name, one, had in fell
        if now[name] * 100 < lows.get(name, had) * keep
    )
    told = {symptom.subject for symptom in found}
    notes = tuple(
        f"{shown(name)} comes and goes by itself: {now[name]:,} rows, {had:,} in {one.name}"
        for name, one, had in fell
        if shown(name) not in told
    )
    against = seen[0].name if len(seen) == 1 else f"{len(seen)} snapshots, {seen[0].name} to {seen[-1].name}"
    said = f"{counted(len(held), 'table')} against {against}"
    return Line("losses", said + (f": {len(found)} lost rows" if found else ""), found, notes)


def shown(name: str) -> str:
    """A table as people know it: `schema.table` for SQLMesh's own names."""
    return (model_of(name) or "").partition(".")[2] or name


def _is_kept(name: str, raw: tuple[str, ...]) -> bool:
    """Whether a table's rows are meant to stay: raw tables and those of models, not what dlt needs while it works."""
    own = name.startswith(raw) and not name.rpartition(".")[2].startswith("_dlt_")
    return own or model_of(name) is not None


def _fell(
    held: Sequence[str], seen: Sequence[Witness], now: Mapping[str, int], keep: float
) -> Iterator[tuple[str, Witness, int]]:
    """Table, fullest witness and its rows, where less than `keep` percent is left; the largest loss first."""
    judged = [(name, one, one.rows[name]) for name in held if name in now and (one := fullest(seen, name))]
    lost = [(name, one, had) for name, one, had in judged if now[name] * 100 < had * keep]
    yield from sorted(lost, key=lambda found: now[found[0]] - found[2])


def _way_out(one: Witness) -> str:
    return f"invoke ops.restore --snapshot={one.name} --plan; {MEANT}"
