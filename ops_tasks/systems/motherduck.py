"""The MotherDuck backend: catalogs by snapshots and clones of the service, the local rest of the set by files.

Written from the documentation; the test suite runs it against a double, not against the service.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

from ops_tasks import whole_files
from ops_tasks.errors import Busy, StepFailed, UsageError
from ops_tasks.stack import MD
from ops_tasks.systems.backends import Kept, Moment, Say
from ops_tasks.systems.contents import as_recorded, plain
from ops_tasks.systems.crew import Crew
from ops_tasks.systems.local_files import LocalFiles
from ops_tasks.systems.motherduck_account import account, lost, moments

TRIES = 2
# How long after a write MotherDuck's own snapshot of it may come (docs: every minute, when nobody writes).
BETWEEN = timedelta(minutes=2)
# Clones that an operation makes for its own use: of the past that it validates, and of what was loaded in place.
OWN = ("past", "loaded")
FOR_PEOPLE = ("broken",)
BROUGHT = "brought.json"
Content = dict[str, dict[str, Any]]


class MotherDuck(LocalFiles):
    """Catalogs at MotherDuck; SQLMesh's state and dlt's working state are files; see `backends.Backend`."""

    @property
    def names(self) -> list[str]:
        """The catalogs, which are databases of the same name."""
        return list(self.stack.catalogs)

    def measure(self, hands: Crew) -> dict[str, str]:
        """Path or `md:catalog` object -> digest of everything of the set as it is now."""
        there = set(account(hands)["databases"])
        found = self._content(hands, {name: where for name, where in self.stack.catalogs.items() if name in there})
        told = {f"{MD}{name}/{thing}": _words(held) for name, things in found.items() for thing, held in things.items()}
        return super().measure(hands) | told

    def refuse_taken(self, name: str, hands: Crew) -> None:
        """Names are unique per user there: refuse one that somebody has given to something else."""
        if taken := hands.call("motherduck", "taken", label=name, databases=self.names):
            raise UsageError(f"MotherDuck has something named {taken[0]!r} already", "choose another name")

    def snapshot(self, name: str, making: Path, hands: Crew, say: Say, links: Sequence[str] | None) -> dict[str, Any]:
        """Keep every catalog at MotherDuck, copy the local files, and make sure that nobody wrote in between."""
        changed: list[str] = []
        for left in reversed(range(TRIES)):
            points = hands.call("motherduck", "take", say, label=name, databases=self.names)
            told = super().snapshot(name, making, hands, say, links)
            held = self._held(points, hands, say)
            changed = [] if links is not None else self._differing(hands, held)
            if not changed:
                rows = {
                    f"{catalog}.{plain(thing)}": one["rows"]
                    for catalog, things in held.items()
                    for thing, one in things.items()
                    if one["kind"] == "table"
                }
                told |= {"backend": "motherduck", "points": points, "content": held, "duckdb": version("duckdb")}
                return told | {"rows": rows}
            self.forget(name, hands)
            say(f"{changed[0]} was written to meanwhile{'; once more' if left else ''}")
        raise Busy(f"{MD}{changed[0]} was written to while the snapshot was taken", "let that end, then try again")

    def verify(self, kept: Kept, hands: Crew, say: Say, *, root: str | None, note: bool) -> list[str]:
        """The files as ever; the catalogs by cloning what was kept and reading all of it. Both are written down."""
        points = cast("dict[str, Any]", kept.manifest["points"])
        gone = lost(account(hands), kept.manifest)
        problems = [f"{MD}{name}: MotherDuck does not have it any more" for name in gone]
        if not gone and note:  # a plan makes no clones
            held = self._held(points, hands, say)
            problems = [
                f"{MD}{name} is not what was kept"
                for name in points
                if not same(held[name], kept.manifest["content"][name], kept.manifest)
            ]
        where: dict[str, Any] = {"folder": str(kept.folder), "root": root}
        told = hands.call("files", "verify", say, note=note, elsewhere=problems, **where)
        return cast("list[str]", told["problems"])

    def list(self, hands: Crew) -> list[Moment]:
        """The moments that MotherDuck remembers of all catalogs together, oldest first.

        Each automatic snapshot of one catalog is a moment of the set: the others are what their own newest snapshot at
        or before it says. A moment ends when the first of its snapshots is superseded for longer than it is retained.
        """
        return moments(account(hands), self.names)

    def clone(self, kept: Kept, beside: Path, hands: Crew, say: Say) -> dict[str, str]:
        """A database beside each catalog, `<catalog>__past_<operation>`, and the local files in the folder `beside`."""
        super().clone(kept, beside, hands, say)
        made = hands.call("motherduck", "clone", say, points=kept.manifest["points"], suffix=suffix("past", beside))
        return {name: f"{MD}{clone}" for name, clone in made.items()}

    @contextmanager
    def copies(self, kept: Kept, hands: Crew) -> Generator[dict[str, str]]:
        """Clones that are dropped again."""
        made = hands.call("motherduck", "clone", points=kept.manifest["points"], suffix=f"__look_{uuid4().hex[:8]}")
        try:
            yield {name: f"{MD}{clone}" for name, clone in made.items()}
        finally:
            hands.call("motherduck", "drop", databases=list(made.values()))

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
        """Bring every catalog that differs back, check it by its content, then the files.

        What is there is kept as a clone `<catalog>__aside_<quarantine>`, unless it is in the snapshot `over`, as it has
        to be where that is given, or is what a restore with the same `quarantine` has brought. With `only` it is
        thrown away.
        """
        points = cast("dict[str, Any]", kept.manifest["points"])
        if only is not None:
            points = {name: point for name, point in points.items() if f"{MD}{name}" in only}
        # a moment that was never looked at has no content in its manifest
        wanted = kept.manifest.get("content") or self._held(points, hands, say)
        different = self._differing(hands, {name: wanted[name] for name in points}, kept.manifest)
        if untouched:
            done = hands.call("files", "leaving:leave", say, folder=str(kept.folder), root=str(self.stack.root))
            theirs = [*done["theirs"], *(f"{MD}{name}" for name in different)]
            return done | {"identical": not theirs, "theirs": theirs}
        if over is not None:
            self._refuse_changed(different, hands, over)
            _note(quarantine, {name: wanted[name] for name in points}, kept.manifest)
        elif only is None:
            self._keep_present(different, quarantine, hands, say)
        if different:
            say(f"bringing {', '.join(different)} back")
            ending = suffix("aside", quarantine) if over is not None else ""
            hands.call("motherduck", "put", say, points={name: points[name] for name in different}, aside=ending)
            if wrong := self._differing(hands, {name: wanted[name] for name in different}, kept.manifest):
                raise StepFailed(f"{MD}{wrong[0]} is not what was kept, after it was brought back", "try again")
        local = None if only is None else [path for path in only if not path.startswith(MD)]
        done = super().restore(kept, quarantine, hands, say, consume=consume, only=local, over=over)
        replaced = [*done["replaced"], *(f"{MD}{name}" for name in different)]
        if over is not None:
            return done | {"replaced": replaced, "overwritten": self._overwritten(quarantine, (over, kept), hands, say)}
        aside = [] if only is not None else self._kept_aside(quarantine, hands)
        return done | {"replaced": replaced, "aside": aside}

    def has_begun(self, quarantine: Path) -> bool:
        """It has written down what it brings, before the first statement."""
        return (quarantine / BROUGHT).is_file()

    def release(self, kept: Kept, hands: Crew) -> None:
        """Take the names away, drop the clones: MotherDuck collects them, and bills them no longer."""
        hands.call("motherduck", "release", points=list(kept.manifest["points"].values()))

    def forget(self, name: str, hands: Crew) -> None:
        """Take away the names and drop the clones that a half-made snapshot has."""
        hands.call("motherduck", "forget", label=name, databases=self.names)

    def forensics(self, label: str, kept: Kept, hands: Crew) -> dict[str, str]:
        """A clone of the present of every catalog, `<catalog>__broken_<label>`, to be dropped by hand."""
        made = hands.call("motherduck", "beside", databases=self.names, suffix=f"__broken_{label}")
        return {name: f"{MD}{clone}" for name, clone in made.items()}

    def set_aside(self, catalog: str, folder: Path, hands: Crew) -> str:
        """A clone, `<catalog>__loaded_<operation>`; one of an earlier try is replaced."""
        name = f"{catalog}{suffix('loaded', folder.parents[1])}"
        hands.call("motherduck", "drop", databases=[name])
        made = hands.call("motherduck", "beside", databases=[catalog], suffix=name.removeprefix(catalog))
        return f"{MD}{made[catalog]}"

    def tidy(self, operation: str, hands: Crew, *, everything: bool = False) -> None:
        """Drop the clones that an operation made for its own use, on request also what it keeps for people."""
        endings = tuple(suffix(what, Path(operation)) for what in (*OWN, *(FOR_PEOPLE if everything else ())))
        there = account(hands)["databases"]
        if own := [name for name in there if name.endswith(endings)]:
            hands.call("motherduck", "drop", databases=own)

    def changed_since(self, kept: Kept, created_at: datetime) -> list[str]:
        """What differs: files by size, time and hash, catalogs by their content."""
        with Crew(self.stack.root) as hands:
            remote = self._differing(hands, kept.manifest["content"], kept.manifest)
        return [*super().changed_since(kept, created_at), *(f"{MD}{name}" for name in remote)]

    def written_after(self, moment: datetime) -> list[str]:
        """Files by their times, catalogs by MotherDuck's newest snapshot of each that nobody gave a name to.

        It takes them every minute at the earliest: one that comes a little later may be of what was written before.
        """
        later_than = moment + BETWEEN
        with Crew(self.stack.root) as hands:
            snapshots = account(hands)["snapshots"]
        later = {
            point["database"]
            for point in snapshots
            if not point["name"] and datetime.fromisoformat(point["created_at"]) > later_than
        }
        return [*super().written_after(moment), *(f"{MD}{name}" for name in self.names if name in later)]

    def _refuse_changed(self, names: list[str], hands: Crew, over: Kept) -> None:
        """Raise `StepFailed` for a catalog that is not what was kept of the present."""
        there = set(account(hands)["databases"])
        content = cast("Content", over.manifest["content"])
        held = {name: content.get(name, {}) for name in names if name in there}
        if other := self._differing(hands, held, over.manifest):
            reason = f"{MD}{other[0]} was changed by somebody else since it was put into {over.folder.name}"
            raise StepFailed(reason, "let them finish, then try again")

    def _keep_present(self, names: list[str], quarantine: Path, hands: Crew, say: Say) -> None:
        """Clone what is there, except what the operation itself has brought.

        A clone that an earlier try has made is enough as long as it holds the same: others may have written since.
        """
        there = set(account(hands)["databases"])
        brought = _noted(quarantine)
        known = {name: brought.manifest["content"][name] for name in names if name in brought.manifest["content"]}
        ours = set(known) - set(self._differing(hands, known, brought.manifest))
        for name in (name for name in names if name in there and name not in ours):
            first = ending = suffix("aside", quarantine)
            number = 1
            while (clone := f"{name}{ending}") in there and not self._equal(hands, name, clone):
                number += 1
                ending = f"{first}_{number}"
            if clone not in there:
                say(f"keeping {name} as {clone}")
                hands.call("motherduck", "beside", say, databases=[name], suffix=ending)

    def _kept_aside(self, quarantine: Path, hands: Crew) -> list[str]:
        """What was there before everything was put back: every clone that this try or an earlier one has made."""
        ours = re.compile(rf"({'|'.join(map(re.escape, self.names))}){re.escape(suffix('aside', quarantine))}(_\d+)?")
        return [f"{MD}{name}" for name in sorted(account(hands)["databases"]) if ours.fullmatch(name)]

    def _overwritten(self, quarantine: Path, known: Sequence[Kept], hands: Crew, say: Say) -> list[str]:
        """Clones of what others have written between the last look and the cut; those of what is known are dropped."""
        theirs: list[str] = []
        for clone in self._kept_aside(quarantine, hands):
            name = next(one for one in self.names if clone.startswith(f"{MD}{one}{suffix('aside', quarantine)}"))
            found = self._content(hands, {name: clone})[name]
            held = [(one.manifest.get("content", {}).get(name), one.manifest) for one in known]
            if any(wanted is not None and same(found, wanted, manifest) for wanted, manifest in held):
                hands.call("motherduck", "drop", databases=[clone.removeprefix(MD)])
            else:
                say(f"somebody has written to {name} in the moment of the cut: that is kept as {clone}")
                theirs.append(clone)
        return theirs

    def _equal(self, hands: Crew, name: str, clone: str) -> bool:
        """Whether a clone holds what its original does now."""
        return self._content(hands, {name: f"{MD}{name}"}) == self._content(hands, {name: f"{MD}{clone}"})

    def _held(self, points: Mapping[str, Any], hands: Crew, say: Say) -> Content:
        """What was kept really holds, told by clones that are thrown away."""
        made = hands.call("motherduck", "clone", say, points=points, suffix=f"__check_{uuid4().hex[:8]}")
        try:
            return self._content(hands, {name: f"{MD}{clone}" for name, clone in made.items()})
        finally:
            hands.call("motherduck", "drop", databases=list(made.values()))

    def _differing(
        self, hands: Crew, wanted: Mapping[str, Any], manifest: Mapping[str, Any] | None = None
    ) -> list[str]:
        """Those catalogs whose present content is not the one that is wanted; one that is not there differs."""
        there = set(account(hands)["databases"])
        present = self._content(hands, {name: f"{MD}{name}" for name in wanted if name in there})
        return [name for name in wanted if name not in present or not same(present[name], wanted[name], manifest or {})]

    def _content(self, hands: Crew, databases: dict[str, str]) -> Content:
        return cast("Content", hands.call("duck", "content:content", databases=databases))


def same(one: Mapping[str, Any], other: Mapping[str, Any], manifest: Mapping[str, Any]) -> bool:
    """Whether two catalogs hold the same, of which the other is of a manifest.

    What an older version has recorded is compared as far as it goes; digests of another version of DuckDB are not
    compared, rows are.
    """
    one = as_recorded(one, other)
    if manifest.get("duckdb", version("duckdb")) == version("duckdb"):
        return one == other
    return {k: (v["kind"], v["rows"]) for k, v in one.items()} == {k: (v["kind"], v["rows"]) for k, v in other.items()}


def suffix(what: str, folder: Path) -> str:
    """What is put behind a catalog's name, told from an operation's folder: `__past_4f1c`."""
    operation = folder.parent.name if folder.name == what else folder.name
    return f"__{what}_{re.sub('[^a-z0-9_]', '_', operation.lower())}"


def _note(quarantine: Path, content: Mapping[str, Any], manifest: Mapping[str, Any]) -> None:
    """Write down what a restore is about to bring, to be told from what others write, also after a kill."""
    quarantine.mkdir(parents=True, exist_ok=True)
    told = {"content": content, "duckdb": manifest.get("duckdb", version("duckdb"))}
    whole_files.write(quarantine / BROUGHT, json.dumps(told))


def _noted(quarantine: Path) -> Kept:
    """What a restore with this quarantine has brought: nothing, where it has not come so far."""
    file = quarantine / BROUGHT
    told: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {"content": {}}
    return Kept(quarantine, told)


def _words(held: Mapping[str, Any]) -> str:
    return f"{held['kind']} {held['rows']} {held['digest']}"
