"""The pre-commit configuration of a repository: which hooks it has, and the same file with more of them."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ops_tasks.errors import UsageError

FILE = ".pre-commit-config.yaml"
FIRST_ITEM = re.compile(r"^( *)- +repo:", re.M)


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


def is_installed(top: Path, stage: str = "pre-commit") -> bool:
    """Whether git calls pre-commit at that stage: its script lies in git's folder of hooks."""
    from ops_tasks.systems import git

    script = top / git.run(top, "rev-parse", "--git-path", f"hooks/{stage}").decode().strip()
    return script.is_file() and "pre-commit" in script.read_text(encoding="utf-8", errors="replace")


def with_hooks(text: str, hooks: Sequence[Hook], packages: Sequence[str], file: Path) -> str:
    """The configuration `text` with those of `hooks` that it lacks, comments and order as they were.

    Returns `text` itself where nothing is missing. Raises `UsageError` where the result would not hold every line
    that was there.
    """
    loaded: Any = _load(text, file) if text.strip() else {}
    repos = _repos(loaded, file)
    there = {str(hook.get("id")) for repo in repos for hook in _hooks(repo)}
    missing = [hook.as_yaml(packages) for hook in hooks if hook.id not in there]
    if not missing:
        return text
    repos.append({"repo": "local", "hooks": missing})
    loaded["repos"] = repos
    first = FIRST_ITEM.search(text)
    yaml = _yaml()
    # The file's own layout: items of a list are indented or not.
    indented = first is None or bool(first[1])
    yaml.indent(mapping=2, sequence=4 if indented else 2, offset=2 if indented else 0)
    made = io.StringIO()
    yaml.dump(loaded, made)
    lost = [line for line in text.splitlines() if line.strip() and line not in made.getvalue().splitlines()]
    if lost:
        raise UsageError(f"{file}: adding hooks would change the line {lost[0]!r}", "add them by hand, see the docs")
    return made.getvalue()


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
    except YAMLError as error:
        raise UsageError(f"{file}: not YAML: {str(error).splitlines()[0]}", "mend it first") from None
