"""How old an asset may be: by its freshness policy, by its metadata, or by what the user says."""

# Dagster's own asset graph is partially untyped.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
from dagster._core.definitions.freshness import CronFreshnessPolicy, TimeWindowFreshnessPolicy
from dagster._utils.schedules import get_latest_completed_cron_tick

from ops_tasks.errors import UsageError, nearest

# What Dagster takes for an asset key; its own name for that is not public.
AssetName = dg.AssetKey | str | Sequence[str]
METADATA = "freshness_sla_hours"


@dataclass(frozen=True)
class Sla:
    """What one asset promises: a materialization within `window`, or for each fire of `cron` at most `window` early."""

    key: dg.AssetKey
    window: timedelta
    cron: str = ""
    zone: str = "UTC"

    @property
    def words(self) -> str:
        """The SLA as people say it: `36 h`, `0 10 * * * UTC`."""
        return f"{self.cron} {self.zone}" if self.cron else f"{self.window / timedelta(hours=1):g} h"

    def is_met(self, last: datetime, now: datetime) -> bool:
        """Whether a materialization at `last` is new enough at `now`, by the rules of Dagster's own evaluators."""
        allowed = self.allowed(now)
        return now - last <= allowed if self.cron else now - last < allowed

    def allowed(self, now: datetime) -> timedelta:
        """How old a materialization may be at `now`; of a cron, as old as its newest deadline with its window."""
        if not self.cron:
            return self.window
        fire = get_latest_completed_cron_tick(self.cron, now.astimezone(ZoneInfo(self.zone)), self.zone)
        return now - (fire.astimezone(UTC) - self.window)


def key_of(name: AssetName) -> dg.AssetKey:
    """The key that a user means; `a/b` is one of two parts, which Dagster itself would take for one."""
    return dg.AssetKey.from_user_string(name) if isinstance(name, str) else dg.AssetKey.from_coercible(name)


def given(hours: Mapping[AssetName, float]) -> dict[dg.AssetKey, Sla]:
    """SLAs that the user says, in hours; `UsageError` for hours that are none."""
    found: dict[dg.AssetKey, Sla] = {}
    for name, value in hours.items():
        key = key_of(name)
        found[key] = Sla(key, _window(key, value))
    return found


def of(repository: dg.RepositoryDefinition | None, said: Mapping[dg.AssetKey, Sla]) -> list[Sla]:
    """Every SLA of a code location; what the user said counts more than what the asset says.

    Raises `UsageError` when there is none at all, or when one cannot be understood: nobody would be watching.
    """
    found = dict(said)
    if repository is not None:
        graph = repository.asset_graph
        known = {key: graph.get(key) for key in graph.get_all_asset_keys()}
        for key in said:
            if key not in known:
                hint = nearest(key.to_user_string(), [one.to_user_string() for one in known])
                raise UsageError(f"this code location has no asset {key.to_user_string()}", hint)
        promised = {key: declared(key, node) for key, node in known.items() if key not in said}
        found |= {key: sla for key, sla in promised.items() if sla is not None}
    if not found:
        way_out = f"give an asset a FreshnessPolicy or the metadata {METADATA}, or the sensor its `hours`"
        raise UsageError("no asset of this code location has a freshness SLA, so nothing is watched", way_out)
    return sorted(found.values(), key=lambda sla: sla.key.to_user_string())


def declared(key: dg.AssetKey, node: Any) -> Sla | None:
    """What a node of Dagster's asset graph promises; `UsageError` when that cannot be understood."""
    policy = node.freshness_policy_or_from_metadata
    if isinstance(policy, TimeWindowFreshnessPolicy):
        return Sla(key, policy.fail_window.to_timedelta())
    if isinstance(policy, CronFreshnessPolicy):
        return Sla(key, policy.lower_bound_delta, policy.deadline_cron, policy.timezone)
    if policy is not None:
        raise UsageError(f"{key.to_user_string()}: {type(policy).__name__} is no freshness policy that is known here")
    value = node.metadata.get(METADATA)
    return None if value is None else Sla(key, _window(key, getattr(value, "value", value)))


def _window(key: dg.AssetKey, hours: object) -> timedelta:
    if isinstance(hours, bool) or not isinstance(hours, int | float) or not hours > 0:
        raise UsageError(f"{key.to_user_string()}: {hours!r} is no number of hours")
    return timedelta(hours=hours)
