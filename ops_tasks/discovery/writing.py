"""The files that describe a stack, as text: what was in them stays, line by line, and what is missing is added."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from ops_tasks.discovery.facts import Fact, tree_of
from ops_tasks.discovery.yaml_text import Read, dump, load, mapping, plain
from ops_tasks.errors import UsageError
from ops_tasks.systems.lines import document_end, inserted, lines_of

OPS = "ops"
NAMED = ("databases", "sources")
HEAD = "# The stack that ops-tasks works on. Every path is relative to `root` (default: this file's folder).\n"
TASKS = '''"""Every task of ops-tasks: `invoke --list`."""

from ops_tasks import ns as ns
'''


@dataclass(frozen=True)
class Edit:
    """One file: its text now (None where there is none), and what it is going to be."""

    path: Path
    before: str | None
    after: str

    @property
    def changes(self) -> bool:
        """Whether there is anything to write."""
        return self.before != self.after


def with_section(text: str | None, facts: Sequence[Fact], file: Path, read: Read) -> tuple[str, list[str]]:
    """`invoke.yaml` with an `ops:` section, or with what its section lacks; and notes about what is different there.

    A section, a database or a source that is there already is not touched. `read` is Invoke's own reading of a text:
    what it does not read as it was meant is not written. Raises `UsageError` for that, for a file that is no mapping,
    and for one whose section is written in one line.
    """
    before = text or ""
    loaded = load(before, file)
    if OPS not in loaded:
        made, missing, notes = _with_whole(before, facts, read), [(OPS,)], list[str]()
    else:
        section = section_of(loaded, file)
        facts = _renamed(facts, section)
        made, missing = before, _missing(facts, section)
        for path in missing:
            made = _with_part(made, path, [fact for fact in facts if fact.key[: len(path)] == path], file, read)
        notes = _differences(facts, section, missing)
        missing = [(OPS, *path) for path in missing]
    if missing:
        _prove(before, made, {OPS: tree_of(facts)}, missing, file, read)
    return made, notes


def section_of(loaded: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """The `ops:` section of a loaded file, empty where there is none; `UsageError` where it is no mapping."""
    section: Any = loaded.get(OPS)
    if not isinstance(section, dict | None):
        raise UsageError(f"{file}: {OPS} is no mapping", "mend it first")
    return mapping(cast("Any", section))


def ignored(text: str | None, lines: Iterable[str]) -> str:
    """`.gitignore` with those of `lines` that it lacks."""
    there = lines_of(text or "")
    known = {line.strip() for line in there}
    added = [line for line in lines if line not in known]
    return inserted(there, len(there), added) if added else text or ""


def _renamed(facts: Sequence[Fact], section: Mapping[str, Any]) -> list[Fact]:
    """A source that the section has under a name of its own is meant by that name."""
    known = {name: mapping(one) for name, one in mapping(section.get("sources")).items()}
    own: dict[tuple[Any, Any, str], str] = {
        (one.get("catalog"), one.get("dataset"), table): name
        for name, one in known.items()
        for table in mapping(one.get("tables"))
    }
    names: dict[str, str] = {}
    for source, told in tree_of(facts).get("sources", {}).items():
        for table in told.get("tables", {}):
            if (name := own.get((told["catalog"], told["dataset"], table))) is not None:
                names[source] = name
    return [
        replace(fact, key=("sources", names[fact.key[1]], *fact.key[2:]))
        if fact.key[0] == "sources" and fact.key[1] in names
        else fact
        for fact in facts
    ]


def _missing(facts: Sequence[Fact], section: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Paths of whole parts that the section lacks: sections, and single databases and sources."""
    found: dict[tuple[str, ...], None] = {}
    for fact in facts:
        top = fact.key[0]
        if top not in section:
            found[(top,)] = None
        elif top in NAMED and fact.key[1] not in mapping(section[top]):
            found[(top, fact.key[1])] = None
    return list(found)


def _differences(facts: Sequence[Fact], section: Mapping[str, Any], missing: Sequence[tuple[str, ...]]) -> list[str]:
    notes: list[str] = []
    for fact in facts:
        if any(fact.key[: len(path)] == path for path in missing):
            continue
        here: Any = section
        for part in fact.key:
            here = cast("dict[str, Any]", here).get(part) if isinstance(here, dict) else None
        if here is None and fact.value:
            notes.append(f"{fact.name} is not configured; found {_said(fact.value)}: {fact.why}")
        elif here is not None and fact.value and plain(here) != fact.value:
            configured = _said(plain(here)) or "empty"
            notes.append(f"{fact.name} is {configured}, left alone; found {_said(fact.value)}: {fact.why}")
    return notes


def _said(value: Any) -> str:
    return ", ".join(f"{key}: {one}" for key, one in mapping(value).items()) if isinstance(value, dict) else str(value)


def _with_whole(text: str, facts: Sequence[Fact], read: Read) -> str:
    """The text with the whole section behind everything else."""
    body = dump({OPS: tree_of(facts)}, _comments(facts, (OPS,)), 0, read)
    if not text.strip():
        return HEAD + body
    lines = lines_of(text)
    at = document_end(lines)
    gap = [""] if at and lines[at - 1].strip() else []
    return inserted(lines, at, [*gap, *body.splitlines()])


def _with_part(text: str, path: tuple[str, ...], facts: Sequence[Fact], file: Path, read: Read) -> str:
    """The text with a new part at the end of the block that it belongs to, indented as its neighbours."""
    section = section_of(load(text, file), file)
    parent: Any = section if len(path) == 1 else section[path[0]]
    where = ".".join([OPS, *path[:-1]])
    if not isinstance(parent, dict | None):
        raise UsageError(f"{file}: {where} is no mapping", "mend it first")
    # What a merge (`<<`) has brought has no place here.
    block = cast("Any", parent)
    places: list[tuple[int, int]] = [block.lc.key(key) for key in block.lc.data or ()] if block else []
    if not places or block.fa.flow_style():
        raise UsageError(f"{file}: {where} is written in one line, or empty", f"write {path[-1]} into it by hand")
    margin = places[0][1]
    lines = lines_of(text)
    end = _end_of(lines, max(line for line, _ in places), margin)
    tree: Any = tree_of(facts)
    for part in path:
        tree = tree[part]
    body = dump({path[-1]: tree}, _comments(facts, path, drop=len(path) - 1), margin, read)
    return inserted(lines, end, body.splitlines())


def _prove(
    before: str, made: str, tree: Mapping[str, Any], missing: Sequence[tuple[str, ...]], file: Path, read: Read
) -> None:
    """Hold the new text against what was meant: nothing but the missing parts is new, for Invoke and for us."""

    def ours(text: str) -> Any:
        return plain(load(text, file))

    def theirs(text: str) -> Any:
        try:
            return read(text)
        except UsageError as error:
            raise UsageError(f"{file}: {error.reason}", error.way_out) from None

    for reader in (theirs, ours):
        was = reader(before) or dict[str, Any]()
        try:
            now = deepcopy(reader(made))
            right = all(_taken(now, path) == _taken(deepcopy(tree), path) for path in missing) and now == was
        except (UsageError, KeyError, TypeError):
            right = False
        if not right:
            raise UsageError(f"{file}: there is no place to add {'.'.join(missing[0])} to", "write it by hand")


def _taken(tree: Any, path: tuple[str, ...]) -> Any:
    """Take out what is at a path."""
    for part in path[:-1]:
        tree = tree[part]
    return tree.pop(path[-1])


def _end_of(lines: Sequence[str], last_key: int, margin: int) -> int:
    """The line after the block whose last key is at line `last_key` (0-based), blank lines and comments left behind."""
    end = last_key + 1
    for at in range(last_key + 1, len(lines)):
        line = lines[at]
        indent = len(line) - len(line.lstrip())
        if line.strip() and indent <= margin and not (line.strip().startswith("-") and indent == margin):
            break
        if line.strip():
            end = at + 1
    return end


def _comments(facts: Sequence[Fact], path: tuple[str, ...], drop: int = 0) -> dict[tuple[str, ...], str]:
    """Where in the dumped part a question is asked: path of the key -> question."""
    lead = (OPS,) if path == (OPS,) else ()
    return {(*lead, *fact.key[drop:]): fact.question for fact in facts if fact.question}
