"""`ops-schema-gate`: refuse changes of Soda contracts that break whoever relies on them."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ops_tasks.errors import UsageError, nearest

from .edge import complain, say

if TYPE_CHECKING:
    from ops_tasks.contracts.findings import Finding
    from ops_tasks.contracts.source import Source
    from ops_tasks.systems.revisions import Trees

FORMATS = ("text", "json", "github", "junit", "sarif")
ACKS = "ops-acks.yaml"
FOLDERS = ("soda/contracts", "contracts")
ENDINGS = (".yml", ".yaml")
EXAMPLE = """examples:
  ops-schema-gate --base origin/main
  ops-schema-gate --base origin/main --pr-body-file body.md --format github
  ops-schema-gate --base HEAD --staged        (as a pre-commit hook)

exit: 0 nothing breaks, or all of it is accepted · 1 something breaks · 2 it cannot be decided"""
# A file that is not parsed: its dataset as nearly every contract writes it, on a line of its own.
DATASET = re.compile(
    rb"""^(?:dataset|"dataset"|'dataset')[ \t]*:[ \t]+(["']?)([^"'#&*|>{\[$\s][^"'#$\r\n]*?)\1[ \t]*(?:#.*)?\r?$""",
    re.M,
)
CONTRACT_KEYS = {"dataset", "columns", "checks"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the hook; see `--help`."""
    asked = _arguments().parse_args(argv)
    try:
        if asked.rules or asked.explain:
            say(_page(asked.explain) if asked.explain else _table())
            return 0
        return _gate(asked)
    except UsageError as error:
        complain(f"ops-schema-gate: {error}\n")
    except ImportError as error:
        complain(f"ops-schema-gate: {error.name} is not installed (pip install 'ops-tasks[contracts]')\n")
    return UsageError.exit_code


def findings(found: Trees, base: str) -> tuple[list[Finding], int, list[str]]:
    """What the rules say of two trees, how many contracts they hold, and notes about what could not be compared."""
    from ops_tasks.contracts.compare import Versions, compare

    notes: list[str] = []
    new = [_parsed(file, content) for file, content in sorted(found.new.items())]
    old: list[Source] = []
    for file, content in sorted(found.old.items()):
        try:
            old.append(_parsed(file, content))
        except UsageError as error:
            notes.append(f"{base}: {error.reason}: judged as if it had not been there")
    before = {source.file for source in old if _is_contract(source)}
    new = [source for source in new if _is_contract(source) or source.file in before]
    after = {source.file for source in new}
    old = [source for source in old if _is_contract(source) or source.file in after]
    # Where no dataset has come, gone or moved, nothing about the other files can have changed: they are not even read.
    untouched = _datasets(found.same) if _named(old) != _named(new) else {}
    return compare(Versions(old, new, untouched)), len({*before, *after}) + len(found.same), notes


def _named(sources: Sequence[Source]) -> set[tuple[str, object]]:
    return {(one.file, _mapping(one).get("dataset")) for one in sources}


def _gate(asked: Any) -> int:
    from ops_tasks.contracts import formats
    from ops_tasks.contracts.rules import RULES
    from ops_tasks.systems import git, revisions

    if not asked.base:
        raise UsageError("there is nothing to compare with", "give --base REV, for example --base origin/main")
    top = git.top(Path.cwd())
    commit = revisions.base_commit(top, asked.base, exact=asked.exact)
    folder = _folder(top, asked.contracts)
    found = revisions.trees(top, commit, folder, _is_yaml, staged=asked.staged)
    if not found.count:
        raise UsageError(f"no contract in {folder!r}, neither at {asked.base} nor now", "give --contracts DIR")
    result, compared, notes = findings(found, asked.base)
    result = _accepted(result, top, asked)
    for note in notes:
        complain(f"ops-schema-gate: {note}\n")
    shown = asked.base if commit.startswith(asked.base) else f"{asked.base} ({commit[:10]})"
    summaries = {rule.id: rule.summary for rule in RULES.values()}
    say(formats.render(result, asked.format, base=shown, compared=compared, summaries=summaries))
    strict = asked.strict and any(one.severity == "warning" and not one.acknowledged for one in result)
    return 1 if strict or any(one.refuses for one in result) else 0


def _accepted(found: list[Finding], top: Path, asked: Any) -> list[Finding]:
    from ops_tasks.contracts import acknowledgements
    from ops_tasks.contracts.rules import RULES

    known = {rule.id: rule.severity for rule in RULES.values()}
    acks: list[acknowledgements.Ack] = []
    file = Path(asked.acks) if asked.acks else top / ACKS
    if asked.acks or file.is_file():
        source = _parsed(_told(file, top), _read(file, "--acks"))
        acks += acknowledgements.from_file(source, known)
    if asked.pr_body_file:
        body = Path(asked.pr_body_file)
        text = _read(body, "--pr-body-file").decode("utf-8", errors="replace")
        acks += acknowledgements.from_body(text, known, _told(body, top))
    return acknowledgements.apply(found, acks, datetime.now(UTC).date())


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "ops-schema-gate",
        description="Compare the Soda contracts at a revision with those here, and refuse what breaks a promise.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    on_github = os.environ.get("GITHUB_BASE_REF")
    parser.add_argument(
        "--base",
        metavar="REV",
        default=f"origin/{on_github}" if on_github else None,
        help="what to compare with: its merge base with HEAD (default: the base of the pull request on GitHub)",
    )
    parser.add_argument("--exact", action="store_true", help="compare with REV itself, not with the merge base")
    parser.add_argument("--contracts", metavar="DIR", help="folder of the contracts (default: that of the stack)")
    parser.add_argument("--staged", action="store_true", help="judge what is staged, not the work tree")
    parser.add_argument("--acks", metavar="FILE", help=f"accepted changes (default: {ACKS}, if there is one)")
    parser.add_argument("--pr-body-file", metavar="FILE", help="a file with the text of the pull request")
    parser.add_argument("--format", choices=FORMATS, default="text")
    parser.add_argument("--strict", action="store_true", help="refuse warnings as well")
    parser.add_argument("--rules", action="store_true", help="list every rule and stop")
    parser.add_argument("--explain", metavar="RULE", help="show the page of a rule and stop")
    return parser


def _page(rule: str) -> str:
    """The page of a rule, as it is installed beside the hooks."""
    from importlib.util import find_spec

    found = find_spec("ops_rule_pages")
    # An editable installation names a folder that is none beside the real one.
    folders = [Path(one) for one in (found.submodule_search_locations or [] if found else [])]
    pages = {page.stem: page for folder in folders for page in folder.glob("[A-Z]*.md") if page.stem != "README"}
    name = rule.upper()
    if name not in pages:
        raise UsageError(f"unknown rule {rule!r}", nearest(name, list(pages)))
    return pages[name].read_text(encoding="utf-8")


def _table() -> str:
    from ops_tasks.contracts.rules import RULES

    rules = sorted(RULES.values(), key=lambda rule: (("breaking", "warning", "additive").index(rule.severity), rule.id))
    return "".join(f"{rule.severity:9} {rule.id:22} {rule.summary}\n" for rule in rules)


def _folder(top: Path, given: str | None) -> str:
    """The folder of the contracts relative to the top: as given, the stack's, or where contracts usually are."""
    if given:
        return _told(Path(given), top, inside=True)
    from ops_tasks import stack

    usual = next((folder for folder in FOLDERS if (top / folder).is_dir()), None)
    try:
        found = stack.find()
    except UsageError as error:
        if usual is None:
            raise UsageError(f"no folder of contracts: {error.reason}", "give --contracts DIR") from None
        return usual
    if found.config.contracts is None:
        if usual is None:
            raise UsageError(f"{found.file} names no contracts", "give --contracts DIR")
        return usual
    return _told(found.root / found.config.contracts.path, top, inside=True)


def _told(file: Path, top: Path, *, inside: bool = False) -> str:
    """A path relative to the top of the repository; one outside of it as it is, unless it has to be `inside`."""
    whole = Path(os.path.normpath(Path.cwd() / file))
    real_top = top.resolve()
    for root in (top, real_top):
        if whole.is_relative_to(root):
            return whole.relative_to(root).as_posix()
    if whole.resolve().is_relative_to(real_top):
        return whole.resolve().relative_to(real_top).as_posix()
    if inside:
        raise UsageError(f"{file} is outside of the repository {top}", "name a folder that git knows")
    return str(file)


def _read(file: Path, flag: str) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UsageError(f"{flag}: {file} cannot be read: {error.strerror}", "name a file that is there") from None


def _is_yaml(path: str) -> bool:
    return path.lower().endswith(ENDINGS)


def _is_contract(source: Source) -> bool:
    """Whether a file is meant as a contract: other YAML may lie beside them, a data source above all."""
    return bool(CONTRACT_KEYS & _mapping(source).keys())


def _mapping(source: Source) -> dict[str, object]:
    value: object = source.value
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def _parsed(file: str, content: bytes) -> Source:
    from ops_tasks.contracts.source import parse

    return parse(file, content)


def _datasets(contents: Mapping[str, bytes]) -> dict[str, list[str]]:
    """Dataset -> files, read from one line of each file; only a file that has no such line is parsed."""
    found: dict[str, list[str]] = {}
    for file, content in contents.items():
        line = DATASET.search(content)
        dataset = line[2].decode("utf-8", errors="replace").strip() if line else _parsed_dataset(file, content)
        if dataset:
            found.setdefault(dataset, []).append(file)
    return found


def _parsed_dataset(file: str, content: bytes) -> str:
    from ops_tasks.contracts import model

    if b"dataset" not in content:
        return ""
    try:
        source = _parsed(file, content)
    except UsageError:
        return ""  # the same in both trees: it was let in before
    return model.build(source).dataset if isinstance(source.value, dict) else ""


if __name__ == "__main__":
    raise SystemExit(main())
