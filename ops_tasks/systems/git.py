"""What git knows: through its plumbing, in a process, with the environment a commit hook was given.

Git sets GIT_DIR and GIT_INDEX_FILE for hooks, so the environment passes through; only LC_ALL is set, because messages
are read. Object and path names are `str` as `os.fsdecode` makes them: every byte sequence has one.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Thread
from typing import IO, TYPE_CHECKING, NamedTuple
from zlib import decompressobj
from zlib import error as ZlibError

from ops_tasks.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    Folder = Path | str

STREAMED = 1024 * 1024  # bytes; inflating more than this costs more than a new process
CHUNK = 64 * 1024
HEADER = 32  # `commit`, a space, 20 digits, a zero byte
HUFFMAN = 512  # compressed bytes that may come before the first byte of content
# `git replace` would show another content than the one that is pushed.
PLAIN = "--no-replace-objects"


class Head(NamedTuple):
    """The beginning of an object: `kind` as git names it (`blob`, `tree`, ...), its whole `size` in bytes."""

    kind: str
    size: int
    start: bytes


def commit(folder: Path) -> str | None:
    """The commit of the repository around `folder`, `+` appended when tracked files differ; None outside of git."""
    from git import InvalidGitRepositoryError, Repo

    try:
        repo = Repo(folder, search_parent_directories=True, expand_vars=False)
    except InvalidGitRepositoryError:
        return None
    if not repo.head.is_valid():
        return None
    return repo.head.commit.hexsha + ("+" if repo.is_dirty() else "")


def run(folder: Folder, *words: str, stdin: bytes = b"") -> bytes:
    """What `git WORDS` in `folder` writes to its standard output; UsageError with git's own reason when it fails."""
    try:
        ran = subprocess.run(_line(words), cwd=folder, env=_environment(), input=stdin, capture_output=True)
    except OSError as error:
        raise _no_start(error, folder) from None
    if ran.returncode:
        raise UsageError(f"git {_verb(words)} in {folder}: {_reason(ran.stderr, ran.returncode)}")
    return ran.stdout


def top(folder: Folder) -> Path:
    """The root of the work tree around `folder`; UsageError outside of git and in a bare repository."""
    from pathlib import Path

    return Path(os.fsdecode(run(folder, "rev-parse", "--show-toplevel").removesuffix(b"\n")))


def sizes(folder: Folder, names: Iterable[str]) -> dict[str, tuple[str, int] | None]:
    """Object name (an id, or `REV:path`) -> (kind, bytes), None for what git does not have; one process for all."""
    asked = list(dict.fromkeys(names))
    lines = iter(run(folder, PLAIN, "cat-file", "--batch-check", "--buffer", stdin=_asking(asked)).splitlines(True))
    return {name: _header(next(lines, b""), name) for name in asked}


def contents(folder: Folder, names: Iterable[str]) -> dict[str, bytes | None]:
    """Object name (an id, or `REV:path`) -> the bytes of a file, None for what is none; one process for all.

    Holds every content in memory: for files that are read as a whole.
    """
    asked = list(dict.fromkeys(names))
    answer = run(folder, PLAIN, "cat-file", "--batch", "--buffer", stdin=_asking(asked))
    found: dict[str, bytes | None] = {}
    at = 0
    for name in asked:
        end = answer.find(b"\n", at) + 1
        header = _header(answer[at:end], name)
        at = end
        if header is not None:
            found[name] = answer[at : at + header[1]] if header[0] == "blob" else None
            at += header[1] + 1
        else:
            found[name] = None
    return found


def heads(folder: Folder, ids: Iterable[str], count: int) -> dict[str, Head | None]:
    """Full object id -> its first `count` bytes and its size, None for what git does not have."""
    objects = os.fsdecode(run(folder, "rev-parse", "--git-path", "objects").removesuffix(b"\n"))
    return dict(each_head(folder, f"{folder}/{objects}" if objects[:1] != "/" else objects, ids, count))


def each_head(folder: Folder, store: str, ids: Iterable[str], count: int) -> Iterator[tuple[str, Head | None]]:
    """As `heads`, one at a time and in any order, with `store` from `git rev-parse --git-path objects`.

    Never holds a whole object. What was just staged lies in a file of its own, where reading the beginning is six
    times as fast as asking git; git answers for everything else.
    """
    left: list[str] = []
    for id_, head in _loose(store, dict.fromkeys(ids), count):
        if head is None:
            left.append(id_)
        else:
            yield id_, head
    while left:
        told = _told(folder, left, count)
        yield from told.items()
        left = left[len(told) :]


def _loose(store: str, ids: Iterable[str], count: int) -> Iterator[tuple[str, Head | None]]:
    """Objects in files of their own: zlib over `blob SIZE`, a zero byte, the content (gitformat-loose); else None."""
    opened, read, close, inflater = os.open, os.read, os.close, decompressobj
    try:
        folder = opened(store, os.O_RDONLY)
    except OSError:
        yield from ((id_, None) for id_ in ids)
        return
    try:
        for id_ in ids:
            try:
                descriptor = opened(f"{id_[:2]}/{id_[2:]}", os.O_RDONLY, dir_fd=folder)
            except OSError:
                yield id_, None
                continue
            try:
                raw = read(descriptor, count + HUFFMAN)
                header, _, start = inflater().decompress(raw, count + HEADER).partition(b"\0")
                kind, size = header.split(b" ")
                length = int(size)
            except (OSError, ValueError, ZlibError):
                yield id_, None
                continue
            finally:
                close(descriptor)
            whole = len(start) >= count or len(start) == length
            yield id_, Head(kind.decode("ascii"), length, start[:count]) if whole else None
    finally:
        close(folder)


def _told(folder: Folder, ids: Sequence[str], count: int) -> dict[str, Head | None]:
    """What one `git cat-file --batch` tells of the first of `ids`, up to the first one too long to read past."""
    threshold = f"core.bigFileThreshold={STREAMED}"  # below it, git inflates the whole object before the first byte
    found: dict[str, Head | None] = {}
    with _asked(folder, ids, "-c", threshold, PLAIN, "cat-file", "--batch", "--buffer") as answer:
        for id_ in ids:
            header = _header(answer.readline(), id_)
            if header is None:
                found[id_] = None
                continue
            kind, size = header
            start = answer.read(min(count, size))
            if len(start) < min(count, size):
                raise _broken(id_)
            found[id_] = Head(kind, size, start)
            if size > STREAMED:
                break
            _skip(answer, size - len(start) + 1)
    return found


@contextmanager
def _asked(folder: Folder, names: Sequence[str], *words: str) -> Generator[IO[bytes]]:
    """The answer of a git process; a thread asks, so that neither side waits for a full pipe. Ends with the block."""
    try:
        process = subprocess.Popen(
            _line(words),
            cwd=folder,
            env=_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except OSError as error:
        raise _no_start(error, folder) from None
    assert process.stdin is not None and process.stdout is not None
    asking = Thread(target=_ask, args=(process.stdin, _asking(names)))
    asking.start()
    try:
        yield process.stdout
    finally:
        process.kill()
        process.stdout.close()
        asking.join()
        process.wait()


def _ask(pipe: IO[bytes], lines: bytes) -> None:
    # The reader may stop early, and then nobody takes the rest of the names.
    with suppress(OSError), pipe:
        pipe.write(lines)


def _asking(names: Iterable[str]) -> bytes:
    lines = [os.fsencode(name) for name in names]
    for line in lines:
        if b"\n" in line:
            raise UsageError(f"git cannot be asked for a name with a line break: {line!r}", "name the object by its id")
    return b"".join(line + b"\n" for line in lines)


def _header(line: bytes, name: str) -> tuple[str, int] | None:
    """`ID KIND SIZE`, or None for `NAME missing` and `NAME ambiguous` (the name may hold spaces)."""
    if not line.endswith(b"\n"):
        raise _broken(name)
    words = line[:-1].split(b" ")
    if line[:-1] in (os.fsencode(name) + b" missing", os.fsencode(name) + b" ambiguous") or len(words) != 3:
        return None
    return words[1].decode("ascii"), int(words[2])


def _broken(name: str) -> UsageError:
    return UsageError(f"git stopped before it told all of {name}", "git fsck tells what is damaged")


def _skip(answer: IO[bytes], count: int) -> None:
    while count:
        passed = len(answer.read(min(count, CHUNK)))
        if not passed:
            raise _broken("an object")
        count -= passed


def _line(words: Sequence[str]) -> list[bytes]:
    return [b"git", *map(os.fsencode, words)]


def _environment() -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C"}


def _verb(words: Sequence[str]) -> str:
    """The subcommand: the first word that is neither an option nor the value of `-c`."""
    return next((w for last, w in zip(("", *words), words, strict=False) if w[:1] != "-" and last != "-c"), "")


def _reason(said: bytes, code: int) -> str:
    """Git's last meaningful line: an error of git's own before the hints that follow it."""
    lines = [line.strip() for line in said.decode(errors="backslashreplace").splitlines() if line.strip()]
    errors = [line.partition(": ")[2] for line in lines if line.startswith(("fatal: ", "error: "))]
    plain = [line for line in lines if not line.startswith("hint:")]
    return (errors or plain or [f"it ended with {code} and said nothing"])[-1]


def _no_start(error: OSError, folder: Folder) -> UsageError:
    if isinstance(error, FileNotFoundError) and os.path.isdir(folder):  # noqa: PTH112
        return UsageError("git is not installed, or not on PATH", "install git")
    return UsageError(f"git cannot be run in {folder}: {error.strerror}")
