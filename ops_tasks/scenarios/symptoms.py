"""What can be wrong with a stack, which incident that is, and what comes first when several things are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

# Most urgent first: what hides behind a lock cannot be judged, and what is broken makes everything after it wrong.
CAUSES = (
    "stopped",
    "lock",
    "wal",
    "bit-rot",
    "truncation",
    "version",
    "missing",
    "disk-full",
    "drift",
    "daemon",
    "missed",
    "paused",
    "window",
    "load",
    "bad-write",
    "orphans",
    "audit",
    "contract",
    "late",
    "stuck",
    "run",
    "tick",
    "not run",
    "question",
)
INCIDENTS = {
    **dict.fromkeys(("wal", "bit-rot", "truncation", "version", "missing", "disk-full", "drift"), 1),
    **dict.fromkeys(("window", "load", "orphans", "audit", "contract"), 2),
    "bad-write": 3,
    **dict.fromkeys(("daemon", "missed", "paused", "late", "stuck", "run", "tick"), 4),
}
TITLES = {
    1: "a blown database",
    2: "a bad window of one source",
    3: "a bad write",
    4: "a schedule that does not run",
}


@dataclass(frozen=True)
class Symptom:
    """One thing that is wrong with `subject`, the evidence, and the command that mends it."""

    cause: str
    subject: str
    evidence: str
    way_out: str

    def told(self, beside: str = "") -> str:
        """Evidence in one line that names the subject once; `beside` is what has been named already."""
        said = re.search(rf"(?<![\w.]){re.escape(self.subject)}(?![\w.])", self.evidence)
        return self.evidence if said or self.subject == beside else f"{self.subject}: {self.evidence}"


@dataclass(frozen=True)
class Line:
    """What one probe says. Without symptoms it is well, unless it `could not run`; notes never are symptoms."""

    probe: str
    said: str
    symptoms: tuple[Symptom, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True)
class Verdict:
    """The whole: `incident` is 1 to 4, or None for a healthy stack and for one that cannot be judged."""

    incident: int | None
    words: str
    first: Symptom | None


def counted(count: int, noun: str) -> str:
    """`1 table`, `1,024 tables`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def ranked(lines: Sequence[Line]) -> list[Symptom]:
    """Every symptom, most urgent cause first."""
    found = [symptom for line in lines for symptom in line.symptoms]
    return sorted(found, key=lambda symptom: CAUSES.index(symptom.cause))


def verdict(lines: Sequence[Line]) -> Verdict:
    """Name the incident by its most urgent symptom."""
    found = ranked(lines)
    if not found:
        return Verdict(None, "healthy", None)
    first = found[0]
    if first.cause == "stopped":
        return Verdict(None, "an operation was stopped in the middle", first)
    if first.cause == "lock":
        return Verdict(None, "in use by another process: nothing else can be judged", first)
    if first.cause == "not run":
        return Verdict(None, "it cannot be told: a probe could not run", first)
    if first.cause == "question":
        return Verdict(None, "nothing is known to be wrong, but the configuration has an open question", first)
    incident = INCIDENTS[first.cause]
    return Verdict(incident, f"incident {incident}, {TITLES[incident]}: {first.cause}", first)
