"""`ops-large-files`: no large file, no database and no data file gets into git.

It judges what is staged (or tracked, or pushed) as git stores it, whatever lies in the work tree.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

from ops_tasks.errors import UsageError
from ops_tasks.systems.git import Head, heads_in, sizes

from . import blobs
from .blobs import Blob, Place
from .data_kinds import HEAD, is_pointer, kind_of

PROGRAM = "ops-large-files"
KB = 1024
AT_ONCE = 10_000  # beginnings held in memory at a time
WIDTH = 100
OF_THE_PUSH = "-"
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


class Refusal(NamedTuple):
    """A blob that must not get into git, and why."""

    blob: Blob
    reason: str


class Report(NamedTuple):
    """Lines for a person, the last one a summary; how many files were refused."""

    lines: list[str]
    refused: int


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0, 1 or 2, as `--help` says."""
    options = _options(argv)
    limits = Limits(options.max_kb * KB, options.data_kb * KB)
    try:
        here = blobs.place(Path.cwd())
        if options.range is None:
            report = of_the_index(here, options.filenames, limits, everything=options.all)
        else:
            report = of_commits(here, options.range, limits)
    except UsageError as error:
        sys.stderr.write(f"{PROGRAM}: {error}\n")
        return 2
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a path may hold what the terminal's encoding has not
    sys.stdout.write("".join(f"{line}\n" for line in report.lines))
    return 1 if report.refused else 0


def of_the_index(here: Place, names: Sequence[str], limits: Limits, *, everything: bool) -> Report:
    """Judge what is staged, or `everything` that is tracked; `names` restrict it."""
    state = "tracked" if everything else "staged"
    listed = blobs.tracked(here) if everything else blobs.staged(here)
    judged = blobs.restrict(listed, names, here)
    refused = list(refusals(judged, here, limits))
    lines: list[str] = []
    if refused:
        from .ways_out import for_staged, for_tracked, shell_word, under_lfs

        ways = for_tracked if everything else for_staged
        raw = under_lfs(here, [blob.path for blob, _ in refused])
        for blob, reason in refused:
            lines += [f"{shell_word(blob.path)}: {reason}", *_indented(ways(blob.path, here, blob.path in raw))]
    none = f" (none of the {len(names):,} names is {state})" if names and not judged else ""
    return Report([*lines, _summary(f"{len(judged):,} {state} files{none}", refused)], len(refused))


def of_commits(here: Place, words: str, limits: Limits) -> Report:
    """Judge every file that the commits of a range bring, those too that a later one of them removes."""
    asked = blobs.of_the_push() if words == OF_THE_PUSH else blobs.revisions(words)
    listed = blobs.pushed(here, asked)
    known = sizes(here.folder, [blob.id for blob in listed])
    judged = [blob for blob in listed if (known[blob.id] or ("blob", 0))[0] == "blob"]
    refused = list(refusals(judged, here, limits))
    lines: list[str] = []
    if refused:
        from .ways_out import for_pushed, shell_word, under_lfs

        origins = blobs.origins(here, asked, {blob.id for blob, _ in refused})
        raw = under_lfs(here, [blob.path for blob, _ in refused])
        for blob, reason in refused:
            origin = origins.get(blob.id)
            path = origin.path if origin else blob.path
            where = f", brought by commit {origin.commit[:12]}" if origin else ""
            lines += [f"{shell_word(path)}: {reason}{where}", *_indented(for_pushed(path, origin, path in raw))]
    named = " ".join(asked) or "nothing: a branch is deleted"
    return Report([*lines, _summary(f"{len(judged):,} files of {named}", refused)], len(refused))


def refusals(judged: Sequence[Blob], here: Place, limits: Limits) -> Iterator[Refusal]:
    """What must not get into git; UsageError when git does not have one of the objects."""
    for first in range(0, len(judged), AT_ONCE):
        some = judged[first : first + AT_ONCE]
        heads = heads_in(here.folder, here.store, list(dict.fromkeys(blob.id for blob in some)), HEAD)
        for blob in some:
            head = heads[blob.id]
            if head is None:
                raise UsageError(f"{blob.path!r}: git does not have its object {blob.id}", "git fsck tells more")
            reason = why_not(head, blob.path, limits)
            if reason:
                yield Refusal(blob, reason)


def why_not(head: Head, path: str, limits: Limits) -> str:
    """Why a blob with this beginning must not get into git; empty when it may."""
    kind = kind_of(head.start, path)
    if kind and kind.database:
        return f"{kind.words} of {_kb(head.size)}; the limit is 0 KB, none belongs in git"
    if kind and head.size > limits.data:
        return f"{kind.words} of {_kb(head.size)}, over the limit of {_kb(limits.data)} for data"
    if head.size > limits.any and not (head.size == len(head.start) and is_pointer(head.start)):
        return f"{kind.words if kind else 'a file'} of {_kb(head.size)}, over the limit of {_kb(limits.any)}"
    return ""


def _kb(size: int) -> str:
    return f"{-(-size // KB):,} KB"


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def _summary(what: str, refused: Sequence[Refusal]) -> str:
    return f"{PROGRAM}: judged {what}, refused {len(refused):,}"


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
        help="judge only these, files or folders (default: all that is staged)",
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
