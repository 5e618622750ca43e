"""Which past is meant: a time in words and a time zone, or a name, become something that can be restored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from ops_tasks.durations import told
from ops_tasks.errors import UsageError, nearest
from ops_tasks.stack import Stack
from ops_tasks.systems import backends, snapshots
from ops_tasks.systems.backends import Moment
from ops_tasks.systems.crew import Crew
from ops_tasks.systems.snapshots import Snapshot

WRITTEN = "YYYY-MM-DD HH:MM:SS"
# Files of the zone database that name no zone: what they mean is another one on every machine.
NO_ZONES = {"localtime", "Factory", "posixrules"}


@dataclass(frozen=True)
class Past:
    """A state of the set to go back to. `snapshot` is one of ours, with the state of SQLMesh and dlt; without one
    `points` are what MotherDuck remembers of each catalog by itself, and the local rest has to be brought there.

    Times are ISO in UTC; `expires_at` is when MotherDuck forgets it, None where nobody does.
    """

    label: str
    created_at: str
    snapshot: str | None = None
    points: Mapping[str, Any] | None = None
    expires_at: str | None = None

    @property
    def time(self) -> datetime:
        """When the set was like that."""
        return datetime.fromisoformat(self.created_at)


def instant(text: str, zone: str, now: datetime) -> datetime:
    """The instant that `--at` and `--tz` mean; UTC is the default, and whoever writes an offset needs no zone.

    Raises `UsageError` for what is no time, an unknown zone, a time that the zone's clocks skip or show twice, and one
    that is still to come.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(
            f"--at: {text!r} is not a time", f"{WRITTEN}, and --tz=Europe/Berlin if it is not UTC"
        ) from None
    if moment.tzinfo is not None and zone:
        raise UsageError(f"--at={text} has an offset of its own", "leave --tz out")
    try:
        if moment.tzinfo is None:
            moment = _placed(moment, _zone(zone), text, zone) if zone else moment.replace(tzinfo=UTC)
        moment = moment.astimezone(UTC)
    except OverflowError:  # the first and the last day that Python knows, in another zone
        raise UsageError(f"--at: {text!r} is no time that a calendar here knows", WRITTEN) from None
    if moment > now:
        ahead = told(moment - now)
        way_out = "is the time zone right? --tz=Europe/Berlin" if not zone else f"it is {now:%Y-%m-%d %H:%M} UTC"
        raise UsageError(f"--at: {shown(moment)} is {ahead} ahead of us", way_out)
    return moment


def _zone(name: str) -> tzinfo:
    known = available_timezones() - NO_ZONES
    if name not in known:
        raise UsageError(f"--tz: unknown time zone {name!r}", nearest(name, sorted(known)))
    return ZoneInfo(name)


def _placed(moment: datetime, zone: tzinfo, text: str, name: str) -> datetime:
    """The instant at which the clocks of a zone show that time, if there is exactly one."""
    first, second = (moment.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() == second.utcoffset():
        return first
    one, other = (f"{m:%Y-%m-%dT%H:%M:%S%z}" for m in (first, second))
    back = first.astimezone(UTC).astimezone(zone).replace(tzinfo=None)
    if back != moment:
        raise UsageError(
            f"--at: the clocks of {name} never show {text}: they are put forward", f"--at={other} or {one}"
        )
    raise UsageError(f"--at: the clocks of {name} show {text} twice", f"--at={one} or --at={other}")


def shown(moment: datetime) -> str:
    """A time as it is always told."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def named(stack: Stack, name: str, hands: Crew) -> Past:
    """The snapshot of that name; at MotherDuck also a snapshot of its own, by name or id.

    Such a one means the set of ours that it is a part of, otherwise the first moment at which its catalog was that.
    Raises `UsageError` when there is none, or when it is a copy of a damaged set.
    """
    every = snapshots.every(stack)
    known = [one.name for one in every]
    if name in known or not stack.remote:
        return _of(_sound(snapshots.get(stack, name)))
    if (own := _set_of(every, name)) is not None:
        return _of(_sound(own))
    for moment in backends.of(stack).list(hands):
        for catalog, point in moment.points.items():
            if name in (point["id"], point["name"]):
                return _remembered(moment, f"{point['name'] or 'automatic'} of {catalog}")
    raise UsageError(*_unknown(stack, name, known, hands))


def _set_of(every: Sequence[Snapshot], name: str) -> Snapshot | None:
    """The newest set that keeps a catalog under that name, or by that id; what is damaged is not meant by an id."""
    for one in reversed(every):
        points: Mapping[str, Any] = one.manifest.get("points", {})
        if any(name in (point["name"], point["clone"]) for point in points.values()):
            return one
        if not one.forensic and any(name == point["id"] for point in points.values()):
            return one
    return None


def _unknown(stack: Stack, name: str, known: list[str], hands: Crew) -> tuple[str, str]:
    """Why nothing can be brought back to a snapshot of that name, and the way out."""
    from ops_tasks.systems.motherduck_account import account

    there = account(hands)["snapshots"]
    found = next((one for one in there if name in (one["id"], one["name"])), None)
    if found is None:
        return f"neither we nor MotherDuck have a snapshot {name!r}", nearest(name, known) or "snapshot.list"
    catalog, time = found["database"], datetime.fromisoformat(found["created_at"])
    if catalog not in stack.catalogs:
        return f"{name} is a snapshot of {catalog}, which is no catalog of this stack", "snapshot.list"
    seen = {one["database"] for one in there if one["created_at"] <= found["created_at"]}
    lacking = ", ".join(one for one in stack.catalogs if one not in seen) or "the others"
    reason = f"{name} is {catalog} of {shown(time)}: of {lacking} MotherDuck remembers nothing that old"
    return reason, f"{_oldest(stack, hands)}: --at=TIME"


def newest(stack: Stack, at: datetime, hands: Crew) -> Past:
    """The newest state at or before an instant, ours or one that the backend remembers; raises `UsageError` for none.

    One of ours is taken as long as nothing was written between it and that instant: it has the rest of the set as well.
    A whole second is meant to its end, as it is told of what was taken within it.
    """
    until = at if at.microsecond else at + timedelta(seconds=1, microseconds=-1)
    own = snapshots.newest(stack, before=until)
    remembered = [moment for moment in backends.of(stack).list(hands) if moment.created_at <= until]
    if remembered and (own is None or remembered[-1].created_at > own.created_at):
        return _remembered(remembered[-1], "automatic")
    if own is not None:
        return _of(own)
    raise UsageError(f"nothing is left of {shown(at)} or before", _oldest(stack, hands))


def circumstances(stack: Stack, past: Past, hands: Crew) -> list[str]:
    """What else is known of a past: whether it was verified, and on MotherDuck how long what is kept, on which plan."""
    told_of: list[str] = []
    if past.snapshot is not None:
        taken = snapshots.get(stack, past.snapshot)
        when = f"verified {taken.verified_at:%Y-%m-%d %H:%M} UTC" if taken.verified_at else "never verified"
        told_of.append(f"{when}; why: {taken.why}")
    elif past.points:
        told_of += [
            f"{name}: as of {shown(datetime.fromisoformat(point['created_at']))}" for name, point in past.points.items()
        ]
    if stack.remote:
        from ops_tasks.systems.motherduck_account import account, plan_of, retentions

        there = account(hands)
        told_of.append(
            f"retention: {retentions(there, list(stack.catalogs))}; plan: {plan_of(there, list(stack.catalogs))}"
        )
    return told_of


def _oldest(stack: Stack, hands: Crew) -> str:
    """From when on there is something, for whoever asks for what is gone."""
    own = [one for one in snapshots.every(stack) if one.verified_at and not one.forensic]
    times = [(one.created_at, one.name) for one in own[:1]]
    times += [(moment.created_at, "MotherDuck remembers it") for moment in backends.of(stack).list(hands)[:1]]
    if not times:
        return "there is no verified snapshot at all: invoke snapshot.create --name=NAME; invoke watch.units"
    first, name = min(times)
    return f"the oldest is of {shown(first)} ({name})"


def _sound(found: Snapshot) -> Snapshot:
    if found.forensic:
        raise UsageError(f"{found.name} was taken of a damaged set", "ops.rollback puts such a set back")
    return found


def _of(own: Snapshot) -> Past:
    return Past(own.name, own.created_at.isoformat(), snapshot=own.name)


def _remembered(moment: Moment, what: str) -> Past:
    expires = moment.expires_at.isoformat() if moment.expires_at else None
    return Past(what, moment.created_at.isoformat(), points=dict(moment.points), expires_at=expires)
