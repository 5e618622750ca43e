"""A plan: ordered steps, what they will do, and the reasons to refuse. A value with no power to act by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Result = Mapping[str, Any]


@dataclass(frozen=True)
class Run:
    """What a step may know while it runs.

    `results` holds what earlier steps returned, also those of an earlier process when the operation is retried.
    `held` are the descriptors of the stack's lock, to be handed to every child process. `untouched` is for putting
    back: no step had written to the state set yet, so whatever differs there is somebody else's.
    """

    operation: str
    folder: Path
    results: Mapping[str, Result]
    say: Callable[[str], None]
    held: tuple[int, ...] = ()
    untouched: bool = False

    @property
    def log(self) -> Path:
        """The file that everything the systems print goes to."""
        return self.folder / "systems.log"


def wrote(_run: Run) -> bool:
    """A step that has begun is taken to have written to the state set, unless it knows better."""
    return True


def wrote_nothing(_run: Run) -> bool:
    """For steps that only look, or work beside the state set."""
    return False


@dataclass(frozen=True)
class Step:
    """One action. `do` returns a JSON result, `check` raises when that result is not good enough.

    `equivalent` is what a person would type: at the stack's root, or at the `prompt` of a database. A step can be
    repeated from any point at which it was interrupted. `undo` is for effects outside the state set only: those inside
    it are undone by the snapshot as a whole. `wrote` says of one that has begun whether it has written to the set.
    """

    name: str
    title: str
    do: Callable[[Run], Result]
    check: Callable[[Run, Result], None] | None = None
    equivalent: str = ""
    prompt: str = "$"
    undo: Callable[[Run], None] | None = None
    wrote: Callable[[Run], bool] = wrote


@dataclass(frozen=True)
class Refusal:
    """One reason not to run a plan: what, on which evidence, and the way out."""

    reason: str
    way_out: str


@dataclass(frozen=True)
class Effect:
    """One thing a plan will change: `object` in the words of its system, `what` and, where known, how much."""

    object: str
    what: str
    bytes: int | None = None


@dataclass(frozen=True)
class Plan:
    """An operation before it runs.

    `arguments` are enough to build the same plan again (a retry does); `snapshot` names the step after which there is
    something to put back; `put_back` restores the whole state set and returns evidence, raising when it cannot.
    `release` ends every process that the steps have started (by force after a failure, before anything is put back).
    `stays` are steps whose work is worth keeping, and others may build on: once one of them is done, or has begun, a
    failure stops the operation where it is, and a person decides whether to go on or back. `seen` is the evidence that
    led to it, in sentences: journaled for whoever reads of it later.

    No two steps have the same name: what is done is known by it, and the second one would be skipped without a word.
    """

    task: str
    operation: str
    title: str
    arguments: Mapping[str, Any]
    steps: tuple[Step, ...]
    snapshot: str
    put_back: Callable[[Run], Result]
    release: Callable[[bool], None] = lambda _kill: None
    effects: tuple[Effect, ...] = ()
    notes: tuple[str, ...] = ()
    stays: frozenset[str] = frozenset()
    seen: tuple[str, ...] = ()
    refusals: tuple[Refusal, ...] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        """Raise for two steps of one name."""
        twice = sorted(name for name, count in Counter(step.name for step in self.steps).items() if count > 1)
        if twice:
            raise ValueError(f"{self.task}: more than one step is called {', '.join(map(repr, twice))}")
