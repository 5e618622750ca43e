"""Which files a commit, an index or a push brings: paths and object ids, from git's plumbing."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from ops_tasks.errors import UsageError
from ops_tasks.systems.git import PLAIN, run, top

SUBMODULE = "160000"
LIMITS = r"--(not|all|(remotes|branches|tags|exclude)(=.*)?)"


class Place(NamedTuple):
    """Where the hook runs: `folder`, its `prefix` (`a/b/`, empty at the top), the object `store`, HEAD (or empty)."""

    folder: str
    prefix: str
    store: str
    head: str


class Origin(NamedTuple):
    """The oldest commit that brings a blob, whether it has no parent, and the path it has there."""

    commit: str
    root: bool
    path: str


def place(folder: str) -> Place:
    """Where `folder` is in git; UsageError outside of it."""
    told = run(folder, "rev-parse", "--git-path", "objects", "--show-prefix", "--revs-only", "HEAD^{commit}")
    store, prefix, *head = os.fsdecode(told).split("\n")
    return Place(folder, prefix, os.path.join(folder, store), head[0] if len(head) > 1 else "")  # noqa: PTH118


def staged(here: Place) -> dict[str, str]:
    """Path -> object id of every content that the next commit adds or changes; the index while there is no commit."""
    if not here.head:
        return tracked(here)
    words = ("--cached", "--raw", "-z", "--no-abbrev", "--no-renames", "--ita-invisible-in-index")
    fields = os.fsdecode(run(here.folder, "diff-index", *words, here.head)).split("\0")
    found: dict[str, str] = {}
    digits = len(here.head)
    old, new = slice(15, 15 + digits), slice(16 + digits, 16 + 2 * digits)  # after `:100644 100644 `
    for entry, path in zip(fields[::2], fields[1::2], strict=False):
        id_ = entry[new]
        if entry[-1] not in "DU" and entry[8:14] != SUBMODULE and id_ != entry[old]:
            found[path] = id_
    return found


def tracked(here: Place) -> dict[str, str]:
    """Path -> object id of every content in the index; without the paths in conflict."""
    listed = os.fsdecode(run(here.folder, "ls-files", "--stage", "-z", "--full-name", ":/"))
    found: dict[str, str] = {}
    for entry in listed.split("\0")[:-1]:
        words, _, path = entry.partition("\t")
        mode, id_, stage = words.split(" ")
        if mode != SUBMODULE and stage == "0":
            found[path] = id_
    return found


def pushed(here: Place, revisions: Sequence[str]) -> dict[str, str]:
    """Object id -> one path, of all objects of the commits in `revisions` that their boundary has not, trees too."""
    if not revisions:
        return {}
    listed = os.fsdecode(run(here.folder, PLAIN, "rev-list", "--objects", *revisions, "--"))
    return {line.partition(" ")[0]: line.partition(" ")[2] for line in listed.split("\n")[:-1]}


def origins(here: Place, revisions: Sequence[str], ids: Collection[str]) -> dict[str, Origin]:
    """Where in `revisions` the blobs `ids` appear first; a blob that no commit's own change brings is left out."""
    commits = run(here.folder, PLAIN, "rev-list", "--reverse", "--topo-order", *revisions, "--")
    words = ("--stdin", "-r", "-c", "--root", "--raw", "-z", "--no-abbrev", "--no-renames")
    fields = iter(os.fsdecode(run(here.folder, PLAIN, "diff-tree", *words, stdin=commits)).split("\0"))
    found: dict[str, Origin] = {}
    commit = ""
    for field in fields:
        if not field.startswith(":"):
            commit = field
            continue
        path = next(fields)
        id_ = field.split(" ")[-2]  # a merge has one mode and one id per parent before its own
        if id_ in ids and id_ not in found:
            found[id_] = Origin(commit, False, path)
    roots = set(os.fsdecode(run(here.folder, PLAIN, "rev-list", "--max-parents=0", *revisions, "--")).split("\n"))
    return {id_: origin._replace(root=origin.commit in roots) for id_, origin in found.items()}


def revisions(words: str) -> list[str]:
    """What rev-list is asked for `A..B`, `A...B` (the same commits: what B adds), `B`, `B --not --remotes`.

    An A of zeros is a branch that was new: everything B reaches. A B of zeros was deleted and brings nothing: empty.
    """
    asked: list[str] = []
    for word in words.split():
        if word.startswith("-") and not re.fullmatch(LIMITS, word):
            raise UsageError(
                f"--range does not take {word!r}", "revisions, --not, --remotes, --branches, --tags, --all"
            )
        old, dots, new = word.partition("...") if "..." in word else word.partition("..")
        if _nothing(new if dots else word) and "--not" not in asked:
            return []
        if dots:
            asked += [new or "HEAD"] if _nothing(old) else [f"{old or 'HEAD'}..{new or 'HEAD'}"]
        elif not _nothing(word.removeprefix("^")):
            asked.append(word)
    if not asked:
        raise UsageError("--range has an empty value", "give A..B, or --range alone in a pre-push hook")
    return asked


def of_the_push() -> list[str]:
    """What pre-commit says is pushed; without its word, what HEAD has and no remote has."""
    old, new = os.environ.get("PRE_COMMIT_FROM_REF", ""), os.environ.get("PRE_COMMIT_TO_REF", "")
    new = new or os.environ.get("PRE_COMMIT_LOCAL_BRANCH", "") or "HEAD"
    if _nothing(new):
        return []
    if old and not _nothing(old):
        return [f"{old}..{new}"]
    remote = os.environ.get("PRE_COMMIT_REMOTE_NAME", "")
    return [new, "--not", f"--remotes={remote}" if remote else "--remotes"]


def _nothing(word: str) -> bool:
    """Whether this is git's way to name no object: as many zeros as an id has digits."""
    return len(word) in (40, 64) and not word.strip("0")


def restrict(found: dict[str, str], names: Sequence[str], here: Place) -> dict[str, str]:
    """Those paths that `names` (files or folders, from `here`) mean; all of them without a name."""
    if not names:
        return found
    wanted = {here.prefix + name for name in names}
    rest = [name for name in wanted if name not in found]
    if not rest:
        return {path: id_ for path, id_ in found.items() if path in wanted}
    wanted.update(_normal(name, here) for name in rest)
    if "." in wanted:
        return found
    return {
        path: id_ for path, id_ in found.items() if path in wanted or any(folder in wanted for folder in _folders(path))
    }


def _normal(name: str, here: Place) -> str:
    own = name.removeprefix(here.prefix)
    if own.startswith("/"):
        folder, _, last = own.rpartition("/")
        name = os.path.relpath(f"{os.path.realpath(folder or '/')}/{last}", top(here.folder))
    return os.path.normpath(name)


def _folders(path: str) -> Iterator[str]:
    at = path.rfind("/")
    while at > 0:
        yield path[:at]
        at = path.rfind("/", 0, at)
