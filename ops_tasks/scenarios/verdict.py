"""What a watch has seen: sentences for people, findings that make it fail, and measurements for machines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: the thing, what is wrong with it, and the command that mends or explains it.

    `kind` is what is wrong in a word that stays the same while the numbers in `reason` change: people are told of a
    thing once for each kind.
    """

    object: str
    reason: str
    way_out: str = ""
    kind: str = ""


@dataclass(frozen=True)
class Gauge:
    """One measurement, as Prometheus has it: name (`ops_...`, base units), what it is, value and labels."""

    name: str
    help: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Verdict:
    """The outcome of one watch: well without findings. `more` goes into the JSON document.

    `idle`: there was nothing to do, so that what the last run has found is neither confirmed nor over.
    """

    watch: str
    said: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    gauges: tuple[Gauge, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict[str, Any])
    idle: bool = False
