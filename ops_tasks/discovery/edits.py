"""What has to be written where, so that a project is described and protected."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ops_tasks.discovery import writing
from ops_tasks.discovery.facts import Found
from ops_tasks.discovery.writing import Edit
from ops_tasks.errors import UsageError
from ops_tasks.stack import FILE, Stack, of_text
from ops_tasks.systems import git, precommit
from ops_tasks.systems.precommit import Hook

TASKS = "tasks.py"
IGNORE = ".gitignore"


def edits(folder: Path, found: Found, hooks: Sequence[Hook], package: str) -> tuple[list[Edit], list[str]]:
    """Every file that describes the stack in `folder`, changed or not, and notes for the person.

    Raises `UsageError` where a file cannot be added to, or the section that comes out could not be used.
    """
    file = folder / FILE
    before = _text(file)
    after, notes = writing.with_section(before, found.facts, file)
    stack = of_text(file, after)
    made = [Edit(file, before, after)]
    top = _top(folder)
    tasks = folder / TASKS
    if not tasks.exists() and not (folder / "tasks").is_dir():
        made.append(Edit(tasks, None, writing.TASKS))
    elif "ops_tasks" not in (_text(tasks) or "") and not (folder / "tasks").is_dir():
        notes.append("tasks.py is yours: `from ops_tasks import ns`, or the `ops` program without it")
    ignore = (top or folder) / IGNORE
    made.append(Edit(ignore, _text(ignore), writing.ignored(_text(ignore), _unignored(stack, top or folder, top))))
    if top is None:
        notes.append("no git repository here: no hooks were added")
        return made, notes
    config = top / precommit.FILE
    wanted = precommit.fitting(hooks, contracts=stack.config.contracts is not None)
    was = _text(config)
    made.append(Edit(config, was, precommit.with_hooks(was or "", wanted, [package], config)))
    if not precommit.is_installed(top):
        notes.append("git does not call pre-commit in this clone yet: pre-commit install")
    return made, notes


def write(changed: Iterable[Edit]) -> None:
    """Write every edit, each at once: a file is the old one or the new one, whatever happens."""
    for edit in changed:
        descriptor, name = tempfile.mkstemp(dir=edit.path.parent, prefix=f".{edit.path.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                stream.write(edit.after)
            Path(name).chmod(edit.path.stat().st_mode & 0o777 if edit.path.exists() else 0o644)
            Path(name).replace(edit.path.resolve())
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is no text") from None


def _top(folder: Path) -> Path | None:
    try:
        return git.top(folder)
    except UsageError:
        return None


def _unignored(stack: Stack, base: Path, top: Path | None) -> list[str]:
    """Lines for what must not land in git and is not ignored yet."""
    found: list[str] = []
    for path, line in _private(stack, base):
        if top is None or not _is_ignored(top, path):
            found.append(line)
    return list(dict.fromkeys(found))


def _private(stack: Stack, base: Path) -> Iterator[tuple[Path, str]]:
    yield stack.home / "operations", f"/{stack.home.relative_to(base).as_posix()}/"
    for file in stack.duckdb_files:
        yield file, f"/{file.relative_to(base).as_posix()}*"
    if stack.config.dlt is not None:
        folder = stack.root / stack.config.dlt.pipelines_dir
        yield folder / "state.json", f"/{folder.relative_to(base).as_posix()}/"


def _is_ignored(top: Path, path: Path) -> bool:
    try:
        git.run(top, "check-ignore", "-q", "--no-index", str(path))
    except UsageError:
        return False
    return True
