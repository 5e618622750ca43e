"""`ops-contract-lint`: contracts are valid, every mart has one, and they name columns that exist."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ops_tasks.errors import UsageError

from .edge import complain, say

if TYPE_CHECKING:
    from ops_tasks.contracts.lint import Text
    from ops_tasks.contracts.models import Project
    from ops_tasks.stack import Stack

FOLDERS = ("contracts", "soda/contracts")
ENDINGS = (".yml", ".yaml")
EXAMPLE = """examples:
  ops-contract-lint
  ops-contract-lint --contracts contracts --project transforms/main --marts analytics
  ops-contract-lint --contracts contracts --no-project contracts/ebird/daily.yml

in a contract:  # ops-allow: no-freshness -- REASON     (also no-row-count, no-model)
in a model:     tags (no_contract)

exit: 0 nothing to say · 1 findings · 2 it cannot be decided"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the hook; see `--help`."""
    asked = _arguments().parse_args(argv)
    try:
        return _lint(asked)
    except UsageError as error:
        complain(f"ops-contract-lint: {error}\n")
        return error.exit_code


def texts(folder: Path) -> list[Text]:
    """Every YAML file of a folder; raises `UsageError` for a folder without one, and for a file that cannot be read."""
    from ops_tasks.contracts.lint import Text

    if not folder.is_dir():
        raise UsageError(f"the contracts folder {folder} does not exist", "give --contracts DIR")
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in ENDINGS and file.is_file())
    if not files:
        raise UsageError(f"no contract in {folder}", "give --contracts DIR")
    found: list[Text] = []
    for file in files:
        try:
            found.append(Text(told(file), file.read_bytes()))
        except OSError as error:
            raise UsageError(f"{told(file)} cannot be read: {error.strerror}", "mend its permissions") from None
    return found


def told(file: Path) -> str:
    """A path as it is shown: relative to the working directory if it is below it."""
    whole = Path(os.path.normpath(Path.cwd() / file))
    return whole.relative_to(Path.cwd()).as_posix() if whole.is_relative_to(Path.cwd()) else str(whole)


def _lint(asked: Any) -> int:
    from ops_tasks.contracts import lint, lint_formats

    folder, project = _places(asked)
    found = texts(folder)
    if unreadable := _unreadable(found):
        for error in unreadable:
            complain(f"ops-contract-lint: {error}\n")
        return 2
    only = _only(asked.filenames) if asked.filenames else None
    wanted = lint.Asked(tuple(asked.marts), tuple(asked.no_contract), tuple(asked.no_freshness))
    report = lint.judge(found, project, wanted, only)
    say(lint_formats.render(report, asked.format))
    return 1 if report.findings else 0


def _unreadable(found: Sequence[Text]) -> list[UsageError]:
    """Why files are no YAML, each with its line."""
    errors: list[UsageError] = []
    for text in found:
        try:
            _ = text.source
        except UsageError as error:
            errors.append(error)
    return errors


def _only(filenames: Sequence[str]) -> set[str]:
    """The files whose validity is wanted; one outside of the folder of contracts is not among those that are read."""
    for name in filenames:
        if not Path(name).exists():
            raise UsageError(f"{name} does not exist", "name files that are there")
    return {told(Path(name)) for name in filenames}


def _places(asked: Any) -> tuple[Path, Project | None]:
    """The folder of the contracts and the models: as given, the stack's, or where they usually are."""
    stack = None if asked.contracts and (asked.project or asked.no_project) else _stack()
    return _folder(asked, stack), None if asked.no_project else _project(asked, stack)


def _stack() -> Stack | None:
    from ops_tasks import stack

    try:
        return stack.find()
    except UsageError as error:
        if error.reason.startswith(f"no {stack.FILE} "):
            return None
        raise


def _folder(asked: Any, stack: Stack | None) -> Path:
    if asked.contracts:
        return Path(asked.contracts)
    if stack is not None and stack.config.contracts is not None:
        return stack.root / stack.config.contracts.path
    usual = next((folder for folder in FOLDERS if Path(folder).is_dir()), None)
    if usual is None:
        raise UsageError(f"no folder of contracts: neither {' nor '.join(FOLDERS)} is here", "give --contracts DIR")
    return Path(usual)


def _project(asked: Any, stack: Stack | None) -> Project:
    from ops_tasks.contracts import model_load, models

    if asked.project:
        folder = Path(asked.project)
    elif stack is not None:
        folder = stack.project
    else:
        reason = "no SQLMesh project is known: whether every mart has a contract cannot be judged"
        raise UsageError(reason, "give --project DIR, or --no-project to judge the contracts alone")
    if asked.load:
        return model_load.read(folder, told, asked.gateway or (stack.config.sqlmesh.gateway if stack else None))
    return models.read(folder, told)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "ops-contract-lint",
        description="Judge Soda contracts: valid, one for every mart, and of columns that exist.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("filenames", nargs="*", metavar="FILE", help="judge the validity of these contracts alone")
    parser.add_argument("--contracts", metavar="DIR", help="folder of the contracts (default: that of the stack)")
    models = parser.add_mutually_exclusive_group()
    models.add_argument("--project", metavar="DIR", help="SQLMesh project (default: that of the stack)")
    models.add_argument("--no-project", action="store_true", help="judge the contracts alone, without models")
    parser.add_argument(
        "--load", action="store_true", help="let SQLMesh load the project (seconds), not read its files"
    )
    parser.add_argument("--gateway", help="the gateway to load the project with (default: that of the stack)")
    parser.add_argument(
        "--marts",
        metavar="SCHEMA",
        action="append",
        default=[],
        help="only models of this schema are marts (repeatable)",
    )
    parser.add_argument(
        "--no-contract", metavar="MODEL", action="append", default=[], help="this mart needs no contract (repeatable)"
    )
    parser.add_argument(
        "--no-freshness", metavar="DATASET", action="append", default=[], help="its data may be old (repeatable)"
    )
    parser.add_argument("--format", choices=("text", "json", "github"), default="text")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
