"""What has to be written where, so that a project is described and protected."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ops_tasks import whole_files
from ops_tasks.discovery import writing
from ops_tasks.discovery.described import text_in
from ops_tasks.discovery.facts import Found
from ops_tasks.discovery.writing import Edit
from ops_tasks.discovery.yaml_text import Read
from ops_tasks.errors import OpsError, UsageError
from ops_tasks.stack import Stack, of_text
from ops_tasks.systems import git, precommit
from ops_tasks.systems.precommit import Hook

TASKS = "tasks.py"
IGNORE = ".gitignore"
SPECIAL = re.compile(r"[\\*?\[]")


def edits(file: Path, found: Found, hooks: Sequence[Hook], package: str, read: Read) -> tuple[list[Edit], list[str]]:
    """Every file that describes the stack, changed or not, and notes for the person; the section goes into `file`.

    `read` is Invoke's own reading of a text. Raises `UsageError` where a file cannot be added to, or the section that
    comes out could not be used.
    """
    folder, before = file.parent, text_in(file)
    after, notes = writing.with_section(before, found.facts, file, read)
    stack = of_text(file, after)
    made = [Edit(file, before, after)]
    top = _top(folder)
    tasks = folder / TASKS
    if not tasks.exists() and not (folder / "tasks").is_dir():
        made.append(Edit(tasks, None, writing.TASKS))
    elif "ops_tasks" not in (text_in(tasks) or "") and not (folder / "tasks").is_dir():
        notes.append("tasks.py is yours: `from ops_tasks import ns`, or the `ops` program without it")
    ignore = (top or folder) / IGNORE
    there = text_in(ignore)
    made.append(Edit(ignore, there, writing.ignored(there, _unignored(stack, top or folder, top))))
    if top is None:
        notes.append("no git repository here: no hooks were added")
        return made, notes
    config = top / precommit.FILE
    wanted = precommit.fitting(hooks, contracts=stack.config.contracts is not None)
    was = text_in(config)
    made.append(Edit(config, was, precommit.with_hooks(was or "", wanted, [package], config)))
    if not precommit.is_installed(top):
        notes.append("git does not call pre-commit in this clone yet: pre-commit install")
    return made, notes


def write(changed: Iterable[Edit]) -> None:
    """Write every edit, or none: where one cannot be written, those before it are put back.

    Raises `UsageError` that names the file and the reason, `OpsError` where a file could not be put back either.
    """
    before: dict[Path, tuple[bytes | None, int | None]] = {}
    path = Path()
    try:
        for edit in changed:
            path = edit.path.resolve()
            there = path.exists()
            before[path] = (path.read_bytes(), path.stat().st_mode & 0o777) if there else (None, None)
            whole_files.write(path, edit.after, before[path][1])
    except BaseException as error:
        if left := [told for path, (was, mode) in before.items() if (told := _put_back(path, was, mode))]:
            raise OpsError(f"could not be put back: {', '.join(left)}", "git diff shows what is new there") from None
        if isinstance(error, OSError):
            reason = f"{path} cannot be written: {error.strerror}; every file is as it was"
            raise UsageError(reason, "make it and its folder writable") from None
        raise


def _put_back(path: Path, was: bytes | None, mode: int | None) -> str:
    """Make a file again what it was, where it is not; says what went wrong with that, if anything."""
    try:
        if was is None:
            path.unlink(missing_ok=True)
        elif path.read_bytes() != was:
            whole_files.write(path, was, mode)
    except OSError as error:
        return f"{path} ({error.strerror})"
    return ""


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
    """A file that is nobody else's, and the line for it; what is not below `base` cannot be in its repository."""
    folders = [(stack.home, stack.home / "operations")]
    if stack.config.dlt is not None:
        pipelines = stack.root / stack.config.dlt.pipelines_dir
        folders.append((pipelines, pipelines / "state.json"))
    found = [(inside, folder, "/") for folder, inside in folders] + [(file, file, "*") for file in stack.duckdb_files]
    for inside, path, ending in found:
        if path.is_relative_to(base):
            escaped = SPECIAL.sub(r"\\\g<0>", path.relative_to(base).as_posix())
            yield inside, f"/{escaped}{ending}"


def _is_ignored(top: Path, path: Path) -> bool:
    try:
        git.run(top, "check-ignore", "-q", "--no-index", str(path))
    except UsageError:
        return False
    return True
