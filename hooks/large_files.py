"""`ops-large-files`: no large file, no database and no data file gets into git.

It judges what is staged (or tracked, or pushed) as git stores it, whatever lies in the work tree.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple, NoReturn

from ops_tasks.errors import UsageError
from ops_tasks.systems.git import Head, contents, each_head, sizes

from . import blobs
from .blobs import Place
from .data_kinds import HEAD, LONGEST_POINTER, POINTER, is_pointer, kind_of
from .edge import complain, say
from .in_two import in_two

PROGRAM = "ops-large-files"
KB = 1024
WIDTH = 100
OF_THE_PUSH = "-"
UNKNOWN = "fetch the whole history; in a configuration of pre-commit, set pass_filenames to false"
EXAMPLE = """\
examples:
  ops-large-files data/orders.csv            judge this file as it is staged
  ops-large-files --all                      judge every tracked file (CI)
  ops-large-files --range origin/main..HEAD  judge every file that these commits bring, removed ones too
  ops-large-files --range                    in a pre-push hook of pre-commit: judge what is pushed

exit codes: 0 nothing refused, 1 refused, 2 cannot decide (usage, not a git repository, unknown revision)
"""


class Limits(NamedTuple):
    """The most bytes that a file, and a file of a known data format, may have."""

    any: int
    data: int


class Report(NamedTuple):
    """Lines for a person, the last one a summary; how many files were refused."""

    lines: list[str]
    refused: int


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0, 1 or 2, as `--help` says."""
    options = _options(argv)
    limits = Limits(options.max_kb * KB, options.data_kb * KB)
    try:
        here = blobs.place(os.getcwd())  # noqa: PTH109 - pathlib takes as long to import as the rest
        if options.range is None:
            report = of_the_index(here, options.filenames, limits, everything=options.all)
        else:
            report = of_commits(here, options.range, limits)
    except UsageError as error:
        complain(f"{PROGRAM}: {error}\n")
        return 2
    say("".join(f"{line}\n" for line in report.lines))
    return 1 if report.refused else 0


def of_the_index(here: Place, names: Sequence[str], limits: Limits, *, everything: bool) -> Report:
    """Judge what is staged, or `everything` that is tracked; `names` restrict it."""
    state = "tracked" if everything else "staged"
    judged = blobs.restrict(blobs.tracked(here) if everything else blobs.staged(here), names, here)
    paths: dict[str, list[str]] = {}
    for path, id_ in judged.items():
        paths.setdefault(id_, []).append(path)
    reasons = {path: reason for id_, reason in refusals(paths, here, limits) for path in paths[id_]}
    lines: list[str] = []
    if reasons:
        from .ways_out import for_staged, for_tracked, shell_word, under_lfs

        ways = for_tracked if everything else for_staged
        raw = under_lfs(here, reasons)
        for path in sorted(reasons):
            lines += [f"{shell_word(path)}: {reasons[path]}", *_indented(ways(path, here, path in raw))]
    none = f" (none of the {len(names):,} names is {state})" if names and not judged else ""
    return Report([*lines, _summary(f"{len(judged):,} {state} files{none}", len(reasons))], len(reasons))


def of_commits(here: Place, words: str, limits: Limits) -> Report:
    """Judge every file that the commits of a range bring, those too that a later one of them removes."""
    asked = blobs.of_the_push() if words == OF_THE_PUSH else blobs.revisions(words)
    try:
        listed = blobs.pushed(here, asked)
    except UsageError as error:
        raise UsageError(error.reason, UNKNOWN) from None
    kinds = sizes(here.folder, listed)
    judged = {id_: [path] for id_, path in listed.items() if (kinds[id_] or ("blob",))[0] == "blob"}
    reasons = dict(refusals(judged, here, limits))
    lines: list[str] = []
    if reasons:
        from .ways_out import for_pushed, shell_word, under_lfs

        origins = blobs.origins(here, asked, reasons.keys())
        raw = under_lfs(here, [origin.path for origin in origins.values()])
        for id_ in sorted(reasons, key=lambda id_: listed[id_]):
            origin = origins.get(id_)
            path = origin.path if origin else listed[id_]
            where = f", brought by commit {origin.commit[:12]}" if origin else ""
            lines += [
                f"{shell_word(path)}: {reasons[id_]}{where}",
                *_indented(for_pushed(path, here, path in raw, origin)),
            ]
    named = " ".join(asked) or "nothing: a branch is deleted"
    return Report([*lines, _summary(f"{len(judged):,} files of {named}", len(reasons))], len(reasons))


def refusals(paths: dict[str, list[str]], here: Place, limits: Limits) -> list[tuple[str, str]]:
    """Object id (`paths` has its paths) and why it must not get into git; UsageError for an object git has not."""

    def look(ids: Sequence[str]) -> Iterator[tuple[str, str]]:
        for id_, head in each_head(here.folder, here.store, ids, HEAD):
            if head is None:
                raise UsageError(f"{paths[id_][0]!r}: git does not have its object {id_}", "git fsck tells more")
            reason = why_not(head, paths[id_], limits)
            if reason and not _is_pointer(here, id_, head):
                yield id_, reason

    return in_two(look, list(paths))


def why_not(head: Head, paths: Sequence[str], limits: Limits) -> str:
    """Why a blob with this beginning must not get into git; empty when it may."""
    kind = kind_of(head.start, paths)
    if kind and kind.database:
        return f"{kind.words} of {_kb(head.size)}; the limit is 0 KB, none belongs in git"
    if kind and head.size > limits.data:
        return f"{kind.words} of {_kb(head.size)}, over the limit of {_kb(limits.data)} for data"
    if head.size > limits.any:
        return f"{kind.words if kind else 'a file'} of {_kb(head.size)}, over the limit of {_kb(limits.any)}"
    return ""


def _is_pointer(here: Place, id_: str, head: Head) -> bool:
    if head.size >= LONGEST_POINTER or not head.start.startswith(POINTER):
        return False
    return is_pointer(contents(here.folder, [id_])[id_] or b"")


def _kb(size: int) -> str:
    return f"{-(-size // KB):,} KB"


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def _summary(what: str, refused: int) -> str:
    return f"{PROGRAM}: judged {what}, refused {refused:,}"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{PROGRAM}: {message} (see {PROGRAM} --help)\n")


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    # With a width of its own, argparse does not import shutil to ask the terminal.
    parser = _Parser(
        PROGRAM,
        description="Refuse large files, DuckDB databases and data files, as git stores them.",
        epilog=EXAMPLE,
        formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, width=WIDTH),
        allow_abbrev=False,
    )
    add = parser.add_argument
    add(
        "filenames",
        nargs="*",
        metavar="FILENAMES",
        help="judge only these files and folders",
    )
    add("--max-kb", type=_number, default=500, metavar="KB", help="the limit for any file (default 500)")
    add("--data-kb", type=_number, default=100, metavar="KB", help="the limit for Parquet, Arrow, ... (default 100)")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--all", action="store_true", help="judge every tracked file, not only what is staged")
    which.add_argument(
        "--range",
        nargs="?",
        const=OF_THE_PUSH,
        metavar="A..B",
        help="judge what these commits bring (without a value: what pre-commit says is pushed)",
    )
    options = parser.parse_args(argv)
    if options.range is not None and options.filenames:
        parser.error("--range judges whole commits and takes no FILENAMES: set pass_filenames to false")
    return options


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of KB")
    return int(text)


if __name__ == "__main__":
    raise SystemExit(main())
