"""The files of one folder at a revision and now: which differ, and what is in them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ops_tasks.errors import UsageError
from ops_tasks.systems import git

SMALL = 8 * 1024
REGULAR = frozenset({"100644", "100755"})
EMPTY = frozenset(
    {
        "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",  # the empty blob, as SHA-1 and as SHA-256 repositories name it
        "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813",
    }
)


class Blobs(Mapping[str, bytes]):
    """Path -> content, read from git all at once when the first content is asked for: often none is."""

    def __init__(self, top: Path, ids: Mapping[str, str]) -> None:
        """Of the repository at `top`: path -> object id."""
        self._top, self._ids = top, ids

    @cached_property
    def _read(self) -> dict[str, bytes]:
        return _contents(self._top, self._ids)

    def __getitem__(self, path: str) -> bytes:
        """The content of a file."""
        return self._read[path]

    def __iter__(self) -> Iterator[str]:
        """Every path."""
        return iter(self._ids)

    def __len__(self) -> int:
        """How many files there are."""
        return len(self._ids)


@dataclass(frozen=True)
class Trees:
    """Contents by path (relative to the top of the repository): `old` and `new` of files that differ, `same` of others.

    A path that is only in `new` was added, one that is only in `old` was removed.
    """

    old: Mapping[str, bytes]
    new: Mapping[str, bytes]
    same: Mapping[str, bytes]

    @property
    def count(self) -> int:
        """How many files there are in either tree."""
        return len({*self.old, *self.new, *self.same})


def base_commit(top: Path, revision: str, *, exact: bool = False) -> str:
    """The commit to compare with: the merge base of `revision` and HEAD, or, if `exact`, the revision itself.

    Two histories that never met have no merge base: then it is the revision as well. Where there is no commit yet, HEAD
    stands for the empty tree. Raises `UsageError` for a revision
    that is not there, and in a shallow clone that does not reach back to the merge base.
    """
    if revision == "HEAD" and _unborn(top):
        # The first commit of a repository: git knows the empty tree without having it.
        return git.run(top, "hash-object", "-t", "tree", "--stdin").decode().strip()
    commit = _commit(top, revision)
    if exact:
        return commit
    # `A...B` is told as A, B and `^` with each best common ancestor (gitrevisions).
    told = git.run(top, "rev-parse", f"{commit}...HEAD").decode().split()
    merged = [line.removeprefix("^") for line in told if line.startswith("^")]
    if not merged and _shallow(top):
        reason = f"this clone is shallow and does not reach back to where HEAD left {revision!r}"
        raise UsageError(reason, "git fetch --unshallow, or fetch-depth: 0 in the checkout step")
    return merged[0] if merged else commit


def trees(top: Path, commit: str, folder: str, wanted: Callable[[str], bool], *, staged: bool = False) -> Trees:
    """Compare `folder` (relative to `top`, "." for all) at a commit with the work tree, or with the index if `staged`.

    Only regular files with a `wanted` path count. Files that git ignores do not; untracked ones do, unless `staged`.
    """
    before = _entries(git.run(top, "ls-tree", "-r", "-z", "--full-tree", commit, "--", folder), wanted, "\t", 2)
    after = _entries(git.run(top, "ls-files", "-s", "-z", "--", folder), wanted, "\t", 1)
    on_disk: dict[str, bytes] = {}
    if staged:
        # `git add --intent-to-add` puts an empty blob into the index: the file itself is not staged.
        after = {path: id_ for path, id_ in after.items() if id_ not in EMPTY or path in before}
    else:
        for path in _paths(git.run(top, "ls-files", "-z", "-m", "-o", "--exclude-standard", "--", folder), wanted):
            after.pop(path, None)
            file = top / path
            if file.is_file() and not file.is_symlink():
                on_disk[path] = file.read_bytes()
    old = _contents(top, {path: id_ for path, id_ in before.items() if after.get(path) != id_})
    new = _contents(top, {path: id_ for path, id_ in after.items() if before.get(path) != id_}) | on_disk
    for path in [path for path in on_disk if old.get(path) == on_disk[path]]:
        del old[path], new[path]
    same = {path: id_ for path, id_ in before.items() if path not in old and path not in new}
    return Trees(old, new, Blobs(top, same))


def _contents(top: Path, ids: Mapping[str, str]) -> dict[str, bytes]:
    """Path -> content; small ones by their heads, which are read without git where they lie in a file of their own."""
    heads = git.heads(top, ids.values(), SMALL)
    large = [id_ for id_, head in heads.items() if head and head.size > SMALL]
    small = {id_: head.start if head and head.kind == "blob" else None for id_, head in heads.items()}
    blobs = small | (git.contents(top, large) if large else {})
    return {path: _held(blobs, id_, path) for path, id_ in ids.items()}


def _commit(top: Path, revision: str) -> str:
    words = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    try:
        return git.run(top, *words).decode().strip()
    except UsageError:
        way = "fetch it: git fetch --unshallow origin" if _shallow(top) else "name a branch, tag or commit that is here"
        raise UsageError(f"no commit {revision!r} in {top}", way) from None


def _unborn(top: Path) -> bool:
    """Whether there is no commit yet: HEAD names a branch that is not there."""
    try:
        git.run(top, "rev-parse", "--verify", "--quiet", "HEAD")
    except UsageError:
        return not git.run(top, "for-each-ref", "--count=1")
    return False


def _shallow(top: Path) -> bool:
    return git.run(top, "rev-parse", "--is-shallow-repository").strip() == b"true"


def _entries(answer: bytes, wanted: Callable[[str], bool], separator: str, at: int) -> dict[str, str]:
    """Path -> object id of regular files, from lines `MODE ... ID ...<tab>PATH`; `at` is the place of the id."""
    found: dict[str, str] = {}
    for line in os.fsdecode(answer).split("\0"):
        words, _, path = line.partition(separator)
        parts = words.split(" ")
        if path and parts[0] in REGULAR and wanted(path):
            found[path] = parts[at]
    return found


def _paths(answer: bytes, wanted: Callable[[str], bool]) -> Iterable[str]:
    return {path for path in os.fsdecode(answer).split("\0") if path and wanted(path)}


def _held(blobs: Mapping[str, bytes | None], id_: str, path: str) -> bytes:
    content = blobs[id_]
    if content is None:
        raise UsageError(f"git does not have the content of {path} ({id_})", "fetch it: git fetch --refetch")
    return content
