"""Where the databases live, and the only two places that know how to keep them and bring them back."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from ops_tasks.stack import Stack
from ops_tasks.systems.crew import Crew

Say = Callable[[str], None]
Manifest = Mapping[str, Any]


@dataclass(frozen=True)
class Moment:
    """A state of the whole set that the backend itself remembers: `points` by catalog, gone after `expires_at`.

    `created_at` is when the last of its databases became what it is; `label` says where it comes from.
    """

    label: str
    created_at: datetime
    expires_at: datetime | None
    points: Mapping[str, Any]


@dataclass(frozen=True)
class Kept:
    """A snapshot as a backend sees it: its folder, and what its manifest says."""

    folder: Path
    manifest: Manifest


class Backend(Protocol):
    """Keeps a state set and brings it back. Whatever is asked may be asked again after a kill or a lost connection."""

    def measure(self, hands: Crew) -> dict[str, str]:
        """Object -> digest of everything in the set as it is now: two equal answers mean two equal sets."""
        ...

    def refuse_taken(self, name: str, hands: Crew) -> None:
        """Raise `UsageError` for a name that the backend has given to something else."""
        ...

    def snapshot(self, name: str, making: Path, hands: Crew, say: Say, links: Sequence[str] | None) -> dict[str, Any]:
        """Keep the present below `making` and wherever the backend keeps things; returns its part of the manifest.

        When it fails, `forget` gives up what it has made. `links`: as found, damage included, these databases linked
        where they can be.
        """
        ...

    def verify(self, kept: Kept, hands: Crew, say: Say, *, root: str | None, note: bool) -> list[str]:
        """What is wrong with a snapshot; `root`: only with what would have to be put back there."""
        ...

    def list(self, hands: Crew) -> list[Moment]:
        """What the backend remembers by itself, oldest first."""
        ...

    def clone(self, kept: Kept, beside: Path, hands: Crew, say: Say) -> dict[str, str]:
        """Lay a snapshot beside the present, by itself and complete; returns catalog -> what DuckDB attaches."""
        ...

    def copies(self, kept: Kept, hands: Crew) -> AbstractContextManager[dict[str, str]]:
        """Catalog -> what DuckDB attaches, to look at a snapshot for a while."""
        ...

    def restore(
        self,
        kept: Kept,
        quarantine: Path,
        hands: Crew,
        say: Say,
        *,
        consume: bool,
        only: list[str] | None,
        over: Kept | None,
        untouched: bool = False,
    ) -> dict[str, Any]:
        """Make the set equal to a snapshot, check it, and return evidence; see `snapshots.restore`."""
        ...

    def has_begun(self, quarantine: Path) -> bool:
        """Whether a restore with this quarantine, over what was kept before, may have replaced anything."""
        ...

    def release(self, kept: Kept, hands: Crew) -> None:
        """Give up what a snapshot keeps outside of its folder."""
        ...

    def forget(self, name: str, hands: Crew) -> None:
        """Give up whatever has been made under a name, however far that has come."""
        ...

    def forensics(self, label: str, kept: Kept, hands: Crew) -> dict[str, str]:
        """Keep the present where a person can look at it under a name; returns catalog -> where."""
        ...

    def set_aside(self, catalog: str, folder: Path, hands: Crew) -> str:
        """Where DuckDB finds what a catalog holds now, once it has been restored with the quarantine `folder`."""
        ...

    def tidy(self, operation: str, hands: Crew, *, everything: bool = False) -> None:
        """Remove what an operation has made outside of its folder for its own use (`everything`: for people too)."""
        ...

    def changed_since(self, kept: Kept, created_at: datetime) -> list[str]:
        """What in the set is not as the snapshot holds it."""
        ...

    def written_after(self, moment: datetime) -> list[str]:
        """What in the set somebody has written to after a moment."""
        ...


def of(stack: Stack) -> Backend:
    """The backend of a stack."""
    if stack.remote:
        from ops_tasks.systems.motherduck import MotherDuck

        return MotherDuck(stack)
    from ops_tasks.systems.local_files import LocalFiles

    return LocalFiles(stack)


@contextmanager
def crew_of(stack: Stack, crew: Crew | None, log: Path | None = None, held: tuple[int, ...] = ()) -> Generator[Crew]:
    """The crew that was given, or one for this call alone."""
    if crew is not None:
        yield crew
        return
    with Crew(stack.root, log, held) as own:
        yield own
