"""What a resumption is about, as values that a journal can hold: enough to build the same plan again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ops_tasks.operation.plan import Refusal
from ops_tasks.scenarios.missed import Work

ALIVE, START, RESTART, UNIT = "alive", "start", "restart", "unit"


@dataclass(frozen=True)
class Facts:
    """One resumption. Times are epoch seconds.

    `daemon` is what has to be done about it: nothing (alive), start, restart (the processes of `hung` are ended first),
    or unit (systemd is told). `on` are schedules to turn on, `off` those to turn off; `fires` are runs that the daemon
    asks for by itself once it lives, `works` those that are filled in, `tagged` runs that came after a gap and are told
    so. `dead` are runs that say they are going on, without a process; `queued` are runs of other work, which begin once
    a daemon lives.
    """

    operation: str
    snapshot: str
    since: float
    until: float
    daemon: str
    hung: tuple[int, ...] = ()
    on: tuple[str, ...] = ()
    off: tuple[str, ...] = ()
    fires: tuple[Work, ...] = ()
    works: tuple[Work, ...] = ()
    tagged: tuple[Work, ...] = ()
    dead: tuple[str, ...] = ()
    queued: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    refusals: tuple[Refusal, ...] = ()

    @property
    def runs(self) -> tuple[Work, ...]:
        """Everything that is going to run."""
        return (*self.fires, *self.works)

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do."""
        return self.daemon == ALIVE and not (self.on or self.off or self.runs or self.tagged or self.dead)


def to_json(found: Facts) -> dict[str, Any]:
    """The facts for a journal."""
    return asdict(found)


def from_json(value: Mapping[str, Any]) -> Facts:
    """The facts that a journal holds."""
    told: dict[str, Any] = dict(value)
    told |= {name: tuple(_work(one) for one in value[name]) for name in ("fires", "works", "tagged")}
    told |= {name: tuple(value[name]) for name in ("hung", "on", "dead", "notes")}
    told |= {name: tuple(value.get(name, ())) for name in ("off", "queued")}  # an older journal has none
    told["refusals"] = tuple(Refusal(**one) for one in value["refusals"])
    return Facts(**told)


def _work(value: Mapping[str, Any]) -> Work:
    told: dict[str, Any] = {name: one for name, one in value.items() if name != "key"}  # an older journal has it
    first, last = value["fires"]
    told["fires"] = (float(first), float(last))
    return Work(**told)
