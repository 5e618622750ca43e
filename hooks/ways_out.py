"""What a person can do about a file that must not get into git: commands that can be pasted into a shell."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable

from ops_tasks.systems.git import run

from .blobs import Origin, Place

GLOB = frozenset("*?[\\")
RAW = "filter=lfs is set for it, but its content itself is in git: Git LFS is not installed here, or was bypassed"
AMEND = "git commit --amend --no-edit --allow-empty && git rebase --continue"


def shell_word(text: str) -> str:
    """One word of a shell command; what cannot be shown as it is, as bytes in $'...' (bash, zsh, POSIX 2024)."""
    if text.isprintable():
        return shlex.quote(text)
    shown = "".join(
        chr(byte) if 32 <= byte < 127 and byte not in b"\\'" else f"\\x{byte:02x}" for byte in os.fsencode(text)
    )
    return f"$'{shown}'"


def ignore_line(path: str) -> str:
    """The line of the topmost .gitignore that names this one path; `?` stands for a byte that no line can hold."""
    if not path.isprintable():
        encoded = os.fsencode(path)
        path = "".join(chr(byte) if 32 <= byte < 127 else "\0" for byte in encoded)
    line = "".join(f"\\{letter}" if letter in GLOB else letter for letter in path).replace("\0", "?")
    if line.endswith(" "):
        line = line[:-1] + "\\ "
    return f"/{line}"


def under_lfs(here: Place, paths: Iterable[str]) -> set[str]:
    """Those of `paths` that the .gitattributes of the index leave to Git LFS."""
    asked = list(dict.fromkeys(paths))
    if not asked:
        return set()
    lines = b"".join(os.fsencode(_from_here(path, here)) + b"\0" for path in asked)
    told = os.fsdecode(run(here.folder, "check-attr", "--cached", "--stdin", "-z", "filter", stdin=lines)).split("\0")
    return {path for path, value in zip(asked, told[2::3], strict=False) if value == "lfs"}


def for_staged(path: str, here: Place, lfs: bool) -> list[str]:
    """The ways out while the file is only staged."""
    file = _from_here(path, here)
    drop = f"{_git(file)} restore --staged" if here.head else f"{_git(file)} rm --cached -f"
    mark = "git lfs install" if lfs else f"git lfs track --filename {shell_word(file)} && git add .gitattributes"
    return [
        *([RAW] if lfs else []),
        f"unstage it: {drop} -- {shell_word(file)}",
        _ignore(path),
        f"or keep it in Git LFS: {mark} && {_git(file)} add --renormalize -- {shell_word(file)}",
    ]


def for_tracked(path: str, here: Place, lfs: bool) -> list[str]:
    """The ways out for what may be in a commit already."""
    file = _from_here(path, here)
    return [
        *([RAW] if lfs else []),
        f"take it out of the next commits: {_git(file)} rm --cached -- {shell_word(file)}",
        _ignore(path),
        _migrate(path),
    ]


def for_pushed(path: str, here: Place, lfs: bool, origin: Origin | None) -> list[str]:
    """The ways out before a push: the commits themselves have to change, a later removal keeps the content in them."""
    lines = [RAW] if lfs else []
    if origin:
        base = "--root" if origin.root else f"{origin.commit}^"
        file = _from_here(path, here)
        remove = f"{_git(file)} rm --cached -- {shell_word(file)} && {AMEND}"
        mark = f"git rebase -i {base}, mark {origin.commit[:12]} as edit"
        lines += [f"rewrite the commits before the push: {mark}, then", f"  {remove}"]
    else:
        lines.append("rewrite the commits before the push: no single commit brings it, see git log --find-object")
    return [*lines, _ignore(path), _migrate(path)]


def _from_here(path: str, here: Place) -> str:
    return os.path.relpath(path, here.prefix) if here.prefix else path


def _git(file: str) -> str:
    """Git, told to take the path as it is when it would mean a pattern."""
    return "git --literal-pathspecs" if file.startswith(":") or not GLOB.isdisjoint(file) else "git"


def _ignore(path: str) -> str:
    return f"keep it out: add this line to the topmost .gitignore: {ignore_line(path)}"


def _migrate(path: str) -> str:
    return f"or move it to Git LFS, in every commit: git lfs migrate import --include={shell_word(ignore_line(path))}"
