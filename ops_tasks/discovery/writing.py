"""The files that describe a stack, as text: what was in them stays, line by line, and what is missing is added."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from ops_tasks.discovery.facts import Fact, tree_of
from ops_tasks.errors import UsageError
from ops_tasks.systems.questions import MARK

OPS = "ops"
NAMED = ("databases", "sources")
HEAD = "# The stack that ops-tasks works on. Every path is relative to `root` (default: this file's folder).\n"
TASKS = '''"""Every task of ops-tasks: `invoke --list`."""

from ops_tasks import ns as ns
'''
INDENT = 2


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


def with_section(text: str | None, facts: Sequence[Fact], file: Path) -> tuple[str, list[str]]:
    """`invoke.yaml` with an `ops:` section, or with what its section lacks; and notes about what is different there.

    A section, a database or a source that is there already is not touched. Raises `UsageError` for a file that is no
    mapping, or whose section is written in one line.
    """
    loaded = _load(text or "", file)
    if OPS not in loaded:
        body = _dump({OPS: tree_of(facts)}, _comments(facts, (OPS,)), 0)
        gap = "\n" if text and not text.endswith("\n\n") else ""
        return (HEAD + body if not (text or "").strip() else f"{(text or '').rstrip(chr(10))}\n{gap}{body}"), []
    section = _mapping(loaded[OPS])
    facts = _renamed(facts, section)
    missing = _missing(facts, section)
    made = text or ""
    for path in missing:
        mine = [fact for fact in facts if fact.key[: len(path)] == path]
        made = _inserted(made, path, mine, file)
    after = _load(made, file)
    if _without(after[OPS], missing) != _plain(section):
        raise UsageError(f"{file}: there is no place to add {'.'.join(missing[0])} to", "write it by hand")
    return made, _differences(facts, section, missing)


def ignored(text: str | None, lines: Iterable[str]) -> str:
    """`.gitignore` with those of `lines` that it lacks."""
    there = {line.strip() for line in (text or "").splitlines()}
    added = [line for line in lines if line not in there]
    if not added:
        return text or ""
    start = f"{(text or '').rstrip(chr(10))}\n" if (text or "").strip() else ""
    return start + "\n".join(added) + "\n"


def _renamed(facts: Sequence[Fact], section: Mapping[str, Any]) -> list[Fact]:
    """A source that the section has under a name of its own is meant by that name."""
    known = {name: _mapping(one) for name, one in _mapping(section.get("sources")).items()}
    own: dict[tuple[Any, Any, str], str] = {
        (one.get("catalog"), one.get("dataset"), table): name
        for name, one in known.items()
        for table in _mapping(one.get("tables"))
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
        elif top in NAMED and fact.key[1] not in (section[top] or {}):
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
        elif here is not None and fact.value and _plain(here) != fact.value:
            configured = _said(_plain(here)) or "empty"
            notes.append(f"{fact.name} is {configured}, left alone; found {_said(fact.value)}: {fact.why}")
    return notes


def _said(value: Any) -> str:
    return ", ".join(f"{key}: {one}" for key, one in _mapping(value).items()) if isinstance(value, dict) else str(value)


def _inserted(text: str, path: tuple[str, ...], facts: Sequence[Fact], file: Path) -> str:
    """The text with a new part at the end of the block that it belongs to, indented as its neighbours."""
    loaded = _load(text, file)
    parent = loaded[OPS] if len(path) == 1 else loaded[OPS][path[0]]
    if not parent or parent.fa.flow_style():
        where = ".".join([OPS, *path[:-1]])
        raise UsageError(f"{file}: {where} is written in one line, or empty", f"write {path[-1]} into it by hand")
    margin = int(parent.lc.key(next(iter(parent)))[1])
    lines = text.splitlines()
    end = _end_of(lines, int(parent.lc.key(list(parent)[-1])[0]), margin)
    tree: Any = tree_of(facts)
    for part in path:
        tree = tree[part]
    body = _dump({path[-1]: tree}, _comments(facts, path, drop=len(path) - 1), margin)
    return "\n".join([*lines[:end], *body.splitlines(), *lines[end:]]) + "\n"


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


def _dump(tree: Mapping[str, Any], questions: Mapping[tuple[str, ...], str], margin: int) -> str:
    yaml = _yaml()
    made = io.StringIO()
    yaml.dump(_commented(tree, questions, ()), made)
    return "".join(f"{' ' * margin}{line}" if line.strip() else line for line in made.getvalue().splitlines(True))


def _commented(tree: Mapping[str, Any], questions: Mapping[tuple[str, ...], str], here: tuple[str, ...]) -> Any:
    """The same tree with its questions as comments; what is deep and small is written in one line."""
    from ruamel.yaml.comments import CommentedMap, CommentedSeq
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    made: Any = CommentedMap()
    for key, value in tree.items():
        path = (*here, key)
        if isinstance(value, dict):
            inner = _mapping(value)
            made[key] = _commented(inner, questions, path)
            if len(path) > 3 and not any(isinstance(one, dict | list) for one in inner.values()):
                made[key].fa.set_flow_style()
        elif isinstance(value, list):
            made[key] = CommentedSeq(cast("list[Any]", value))
            made[key].fa.set_flow_style()
        elif isinstance(value, str) and ":" in value:
            # YAML 1.1, which Invoke reads (3.0), knows no bare colon inside of braces.
            made[key] = DoubleQuotedScalarString(value)
        else:
            made[key] = value
        if path in questions:
            made.yaml_set_comment_before_after_key(key, before=f"{MARK} {questions[path]}", indent=len(here) * INDENT)
    return made


def _without(section: Any, missing: Sequence[tuple[str, ...]]) -> Any:
    plain = _plain(section)
    for path in missing:
        here = plain
        for part in path[:-1]:
            here = here[part]
        here.pop(path[-1], None)
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in cast("dict[Any, Any]", value).items()}
    return [_plain(one) for one in cast("list[Any]", value)] if isinstance(value, list) else value


def _yaml() -> Any:
    from ruamel.yaml import YAML

    yaml: Any = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 100_000
    yaml.indent(mapping=INDENT, sequence=4, offset=2)
    return yaml


def _load(text: str, file: Path) -> Any:
    from ruamel.yaml.error import YAMLError

    try:
        loaded: Any = _yaml().load(text) if text.strip() else dict[str, Any]()
    except YAMLError as error:
        raise UsageError(f"{file}: not YAML: {str(error).splitlines()[0]}", "mend it first") from None
    if not isinstance(loaded, dict | None):
        raise UsageError(f"{file}: no mapping", "mend it first")
    return cast("Any", loaded) or dict[str, Any]()


def _mapping(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
