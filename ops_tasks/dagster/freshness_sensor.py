"""A sensor that says which assets have missed their freshness SLA.

It reads materializations. Dagster's own freshness states are written by a thread of the daemon, call an asset that was
never materialized `UNKNOWN`, and start nobody.
"""

# Dagster's own records are partially untyped.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

import dagster as dg

from ops_tasks.systems import slas

TAGS = {"ops-tasks/sensor": "freshness"}
# How far a clock of another machine may be ahead; what comes from further ahead would hide every later miss.
SKEW = timedelta(minutes=5)


@dataclass(frozen=True)
class Violation:
    """An asset that is late: `last` is its newest materialization, None for never; `new`: it was not late before."""

    asset: str
    sla: str
    last: datetime | None
    now: datetime
    new: bool

    @property
    def words(self) -> str:
        """How old it is and how old it may be."""
        if self.last is None:
            return f"never materialized, SLA {self.sla}"
        age = (self.now - self.last) / timedelta(hours=1)
        return f"{age:.1f} h old, SLA {self.sla}" if age >= 0 else f"from {-age:.1f} h in the future, SLA {self.sla}"


def freshness_violation_sensor(
    hours: Mapping[slas.AssetName, float] | None = None,
    *,
    name: str = "freshness_violation_sensor",
    minimum_interval_seconds: int = 300,
    default_status: dg.DefaultSensorStatus = dg.DefaultSensorStatus.RUNNING,
    on_violation: Callable[[list[Violation]], object] | None = None,
) -> dg.SensorDefinition:
    """Return a sensor that judges every asset of its code location that has a freshness SLA.

    That is a `FreshnessPolicy` (time window or cron), else the metadata `freshness_sla_hours`; `hours` adds to both and
    counts more than both (asset key, or `a/b` for one of several parts, -> hours). The age of an asset is that of its
    newest materialization, of whichever partition. Every tick logs one warning per late asset, and its skip reason
    lists them and those that have recovered since the tick before.

    `on_violation` is called in every tick that finds something, with all that is late. What it raises fails the tick,
    as does a code location in which no asset has an SLA: a sensor that watches nothing must not look green.
    """
    said = slas.given(hours or {})

    def evaluate(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        declared = slas.of(context.repository_def, said)
        before = _late_before(context.cursor)
        late = _late(context.instance, declared, datetime.now(UTC), before)
        names = [one.asset for one in late]
        recovered = [one for one in (sla.key.to_user_string() for sla in declared) if one in before.difference(names)]
        for one in late:
            context.log.warning(f"{one.asset} is late: {one.words}")
        for asset in recovered:
            context.log.info(f"{asset} is fresh again")
        if late and on_violation is not None:
            on_violation(late)
        context.update_cursor(json.dumps(names))
        return dg.SkipReason(_summary(len(declared), late, recovered))

    return dg.SensorDefinition(
        name=name,
        evaluation_fn=evaluate,
        minimum_interval_seconds=minimum_interval_seconds,
        default_status=default_status,
        description="Says which assets have missed their freshness SLA.",
        tags=TAGS,
    )


def _late(
    instance: dg.DagsterInstance, declared: Sequence[slas.Sla], now: datetime, before: frozenset[str]
) -> list[Violation]:
    newest: dict[dg.AssetKey, datetime] = {}
    for record in instance.get_asset_records([sla.key for sla in declared]):
        event = record.asset_entry.last_materialization
        if event is not None:
            newest[record.asset_entry.asset_key] = datetime.fromtimestamp(event.timestamp, UTC)
    found: list[Violation] = []
    for sla in declared:
        last, name = newest.get(sla.key), sla.key.to_user_string()
        if last is None or last > now + SKEW or not sla.is_met(last, now):
            found.append(Violation(name, sla.words, last, now, name not in before))
    return found


def _late_before(cursor: str | None) -> frozenset[str]:
    """What the tick before found late; a cursor that somebody else wrote says nothing."""
    try:
        told: object = json.loads(cursor or "[]")
    except ValueError:
        return frozenset()
    return frozenset(map(str, cast("list[object]", told))) if isinstance(told, list) else frozenset()


def _summary(watched: int, late: Sequence[Violation], recovered: Sequence[str]) -> str:
    parts = [f"late: {', '.join(f'{one.asset} ({one.words})' for one in late)}"] if late else []
    parts += [f"recovered: {', '.join(recovered)}"] if recovered else []
    return "; ".join([*parts, f"{watched - len(late)} of {watched} assets with an SLA are fresh"])
