"""The pre-commit configuration of a repository: which hooks it has, and the same file with more of them."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ops_tasks.errors import UsageError
from ops_tasks.systems.lines import document_end, inserted, lines_of

FILE = ".pre-commit-config.yaml"
OF_CONTRACTS = ("ops-schema-gate", "ops-contract-lint")
FIRST_ITEM = re.compile(r"^( *)(- +)repo:", re.M)
EMPTY = re.compile(r"""(\ufeff?(["']?)repos\2\s*:)(?:[ \t]*(?:\[[ \t]*\]|null|~))?(?=\s)""")


@dataclass(frozen=True)
class Hook:
    """One hook of a `repo: local` entry; `fields` are its other keys in their order."""

    id: str
    name: str
    entry: str
    fields: Mapping[str, Any]

    def as_yaml(self, packages: Sequence[str]) -> dict[str, Any]:
        """Its item in the configuration."""
        head = {"id": self.id, "name": self.name, "entry": self.entry, "language": "python"}
        return {**head, **self.fields, "additional_dependencies": list(packages)}


def configured(top: Path) -> dict[str, dict[str, Any]]:
    """Hook id -> its item, of every repository in the configuration; nothing where there is no file.

    Raises `UsageError` for a configuration that pre-commit could not read either.
    """
    file = top / FILE
    if not file.is_file():
        return {}
    found: dict[str, dict[str, Any]] = {}
    for repo in _repos(_load(file.read_text(encoding="utf-8"), file), file):
        for hook in _hooks(repo):
            found[str(hook.get("id"))] = dict(hook)
    return found


def fitting(hooks: Sequence[Hook], *, contracts: bool) -> list[Hook]:
    """Those of `hooks` that can work: without contracts their gates end with an error, and nobody could commit."""
    return [hook for hook in hooks if contracts or hook.id not in OF_CONTRACTS]


def is_installed(top: Path, stage: str = "pre-commit") -> bool:
    """Whether git calls pre-commit at that stage: its script lies in git's folder of hooks."""
    from ops_tasks.systems import git

    script = top / git.run(top, "rev-parse", "--git-path", f"hooks/{stage}").decode().strip()
    return script.is_file() and "pre-commit" in script.read_text(encoding="utf-8", errors="replace")


def with_hooks(text: str, hooks: Sequence[Hook], packages: Sequence[str], file: Path) -> str:
    """The configuration `text` with those of `hooks` that it lacks; every line that was there stays as it is.

    Returns `text` itself where nothing is missing. Raises `UsageError` for a configuration that is no block of YAML,
    where there is no place to add a line.
    """
    loaded: Any = _load(text, file) if text.strip() else {}
    repos = _repos(loaded, file)
    there = {str(hook.get("id")) for repo in repos for hook in _hooks(repo)}
    missing = [hook.as_yaml(packages) for hook in hooks if hook.id not in there]
    if not missing:
        return text
    made = _inserted(text, {"repo": "local", "hooks": missing}, repos, _line_of(loaded))
    if not _adds_one(loaded, made, file):
        raise UsageError(f"{file}: there is no place to add a repository to", "add the hooks by hand, see the docs")
    return made


def _adds_one(loaded: Mapping[str, Any], made: str, file: Path) -> bool:
    """Whether the new text says what the old one said, and one repository more."""
    try:
        after: Any = _load(made, file)
        repos = _repos(after, file)
    except UsageError:
        return False
    return dict(after) | {"repos": repos[:-1]} == dict(loaded) | {"repos": _repos(loaded, file)} and bool(repos)


def _line_of(loaded: Any) -> int | None:
    """The line of the key `repos` (0-based), None where there is none."""
    return int(loaded.lc.key("repos")[0]) if "repos" in loaded else None


def _inserted(text: str, repo: Mapping[str, Any], repos: Sequence[Any], at: int | None) -> str:
    """The text with one more item at the end of `repos`, which is at line `at`, laid out as the items before it."""
    lines = lines_of(text)
    first = FIRST_ITEM.search(text) if repos else None
    margin, dash = (first[1], first[2]) if first else ("  ", "- ")
    item = _item(repo, margin, dash, inner_margin=first is None or bool(first[1]))
    if at is None:
        return inserted(lines, document_end(lines), ["repos:", *item])
    if not repos:
        lines[at] = EMPTY.sub(r"\1", lines[at] if lines[at].endswith(("\n", "\r")) else f"{lines[at]}\n", count=1)
        return inserted(lines, at + 1, item)
    return inserted(lines, _end_of(lines, at + 1, len(margin)), item)


def _end_of(lines: Sequence[str], begin: int, margin: int) -> int:
    """The line after the last one of the `repos:` list, whose first item is at `begin` or behind it: blank lines and
    comments of the next key are left behind it."""
    end = begin
    for at in range(begin, len(lines)):
        line = lines[at]
        indent = len(line) - len(line.lstrip())
        if line.strip() and (indent < margin or (indent == 0 and not line.startswith(("-", "#")))):
            break
        if line.strip() and not (line.startswith("#") and indent == 0):
            end = at + 1
    return end


def _item(repo: Mapping[str, Any], margin: str, dash: str, *, inner_margin: bool) -> list[str]:
    """The lines of one repository, its hooks indented as the repositories are."""
    yaml = _yaml()
    yaml.indent(mapping=2, sequence=4 if inner_margin else 2, offset=2 if inner_margin else 0)
    made = io.StringIO()
    yaml.dump(dict(repo), made)
    body = made.getvalue().splitlines()
    return [f"{margin}{dash}{body[0]}", *(f"{margin}{' ' * len(dash)}{line}" for line in body[1:])]


def _hooks(repo: Any) -> list[dict[str, Any]]:
    found: Any = cast("dict[str, Any]", repo).get("hooks") if isinstance(repo, dict) else None
    return cast("list[dict[str, Any]]", found) if isinstance(found, list) else []


def _repos(loaded: Any, file: Path) -> list[Any]:
    repos: Any = cast("dict[str, Any]", loaded).get("repos") if isinstance(loaded, dict) else None
    if not isinstance(loaded, dict) or not isinstance(repos, list | None):
        raise UsageError(f"{file}: no mapping with a list of 'repos'", "pre-commit validate-config tells more")
    return cast("list[Any]", repos) if repos is not None else []


def _yaml() -> Any:
    from ruamel.yaml import YAML

    yaml: Any = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 100_000
    return yaml


def _load(text: str, file: Path) -> Any:
    from ruamel.yaml.error import YAMLError

    try:
        return _yaml().load(text)
    except (YAMLError, ValueError) as error:
        raise UsageError(f"{file}: not YAML: {str(error).splitlines()[0]}", "mend it first") from None
