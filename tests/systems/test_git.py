"""Git's plumbing: many objects in one process, any name, the environment of a hook, one line for every failure."""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from ops_tasks.errors import UsageError
from ops_tasks.systems import git

Git = Callable[..., str]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty repository."""
    for key in [key for key in os.environ if key.startswith("GIT_")]:
        monkeypatch.delenv(key)
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Ann")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "ann@example.org")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    folder = tmp_path / "with spaces"
    folder.mkdir()
    call(folder, "init", "-q", "-b", "main", ".")
    return folder


def call(folder: Path, *words: str, stdin: bytes = b"") -> str:
    return (
        subprocess.run(["git", *words], cwd=folder, input=stdin, check=True, stdout=subprocess.PIPE)
        .stdout.decode()
        .strip()
    )


def commit(folder: Path, **files: bytes) -> str:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    call(folder, "add", ".")
    call(folder, "commit", "-q", "-m", "files")
    return call(folder, "rev-parse", "HEAD")


def blob(folder: Path, content: bytes) -> str:
    return call(folder, "hash-object", "-w", "--stdin", stdin=content)


def pack(folder: Path) -> None:
    call(folder, "repack", "-q", "-a", "-d")


# run and top.


def test_run_gives_what_git_writes(folder: Path) -> None:
    id_ = git.run(folder, "hash-object", "-w", "--stdin", stdin=b"a\0b\n").decode().strip()
    assert git.run(folder, "cat-file", "blob", id_) == b"a\0b\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(
            ["rev-list", "no..where"], "git rev-list in {}: ambiguous argument 'no..where'", id="hints after it"
        ),
        pytest.param(["cat-file", "-e", "0" * 40], "git cat-file in {}: it ended with 1", id="silent"),
        pytest.param(["-c", "a.b=c", "no-command"], "git no-command in {}: ", id="no command"),
    ],
)
def test_run_fails_in_one_line(folder: Path, words: list[str], said: str) -> None:
    with pytest.raises(UsageError) as raised:
        git.run(folder, *words)
    assert str(raised.value).startswith(said.format(folder))
    assert "\n" not in str(raised.value)
    assert raised.value.exit_code == 2


def test_messages_are_read_in_english(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setenv("LANGUAGE", "de")
    with pytest.raises(UsageError, match="unknown revision"):
        git.run(folder, "rev-list", "no..where")


def test_without_git(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for act in (lambda: git.run(folder, "version"), lambda: git.heads(folder, ["0" * 40], 8)):
        with pytest.raises(UsageError, match=r"git is not installed, or not on PATH \(install git\)"):
            act()


def test_in_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"git cannot be run in .*/nowhere: No such file or directory"):
        git.run(tmp_path / "nowhere", "version")


def test_top(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = folder / "a" / "b"
    deep.mkdir(parents=True)
    assert git.top(deep) == folder.resolve()
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(UsageError, match="not a git repository"):
        git.top(tmp_path)
    call(tmp_path, "init", "-q", "--bare", "bare")
    with pytest.raises(UsageError, match="work tree"):
        git.top(tmp_path / "bare")


def test_the_index_of_a_running_commit_counts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(folder, a=b"1")
    monkeypatch.setenv("GIT_INDEX_FILE", str(folder / ".git" / "other"))
    assert git.run(folder, "ls-files") == b""
    assert git.sizes(folder, [":a"]) == {":a": None}


# sizes and contents.


def test_sizes(folder: Path) -> None:
    head = commit(folder, a=b"12345", empty=b"", **{"d/with space": b"123"})
    names = [f"{head}:a", "HEAD:empty", "HEAD:d/with space", "HEAD:d", "HEAD", "HEAD:no such file", "nowhere:a", ""]
    found = git.sizes(folder, [*names, "HEAD:empty"])
    assert list(found) == names
    assert [found[name] for name in names[:3]] == [("blob", 5), ("blob", 0), ("blob", 3)]
    assert (found["HEAD:d"] or ("",))[0] == "tree"
    assert (found["HEAD"] or ("",))[0] == "commit"
    assert [found[name] for name in names[5:]] == [None, None, None]
    assert git.sizes(folder, []) == {}


def test_contents(folder: Path) -> None:
    commit(folder, a=b"x missing\n", b=b"", c=b"\n\n", d=b"\0" * 100)
    names = ["HEAD:a", "HEAD:b", "HEAD:x missing", "HEAD:c", "HEAD", "HEAD:d"]
    assert git.contents(folder, names) == {
        "HEAD:a": b"x missing\n",
        "HEAD:b": b"",
        "HEAD:x missing": None,
        "HEAD:c": b"\n\n",
        "HEAD": None,
        "HEAD:d": b"\0" * 100,
    }


def test_an_ambiguous_id_names_nothing(folder: Path) -> None:
    one, other = blob(folder, b"142"), blob(folder, b"784")
    short = "8324"
    assert one != other and one.startswith(short) and other.startswith(short)
    assert git.sizes(folder, [short, one]) == {short: None, one: ("blob", 3)}
    assert git.contents(folder, [short, one]) == {short: None, one: b"142"}


def test_any_byte_but_a_line_break_can_be_in_a_name(folder: Path) -> None:
    name = os.fsdecode(b"caf\xe9 \t\xc3\xa9")
    (folder / name).write_bytes(b"here")
    commit(folder)
    assert git.contents(folder, [f"HEAD:{name}"]) == {f"HEAD:{name}": b"here"}
    for act in (git.sizes, git.contents):
        with pytest.raises(UsageError, match="line break"):
            act(folder, ["HEAD:a\nb"])


def test_many_names_and_much_content_at_once(folder: Path) -> None:
    """More than a pipe holds, both ways."""
    content = b"x" * 200_000
    commit(folder, a=content)
    id_ = call(folder, "rev-parse", "HEAD:a")
    names = [*(f"HEAD:{'n' * 60}{number}" for number in range(5_000)), id_, "HEAD:a"]
    found = git.contents(folder, names)
    assert [name for name, value in found.items() if value is not None] == [id_, "HEAD:a"]
    assert found[id_] == content
    assert len(git.sizes(folder, names)) == 5_002


def test_a_replaced_object_is_what_is_pushed(folder: Path) -> None:
    large, small = blob(folder, b"large" * 100), blob(folder, b"small")
    call(folder, "replace", large, small)
    assert git.sizes(folder, [large]) == {large: ("blob", 500)}
    assert git.contents(folder, [large]) == {large: b"large" * 100}
    pack(folder)
    assert git.heads(folder, [large], 5) == {large: git.Head("blob", 500, b"large")}


# heads.


@pytest.mark.parametrize("packed", [False, True], ids=["loose", "packed"])
def test_heads(folder: Path, packed: bool) -> None:
    noise = random.Random(1).randbytes(3_000_000)  # noqa: S311
    contents = [b"", b"1", b"12345678", b"123456789", b"\0" * 2_000_000, noise, b"after the large ones"]
    for number, content in enumerate(contents):
        (folder / f"f{number}").write_bytes(content)
    head = commit(folder)
    ids = [call(folder, "rev-parse", f"HEAD:f{number}") for number in range(len(contents))]
    if packed:
        pack(folder)
        assert not list((folder / ".git" / "objects").glob("??/*"))
    unknown = "1" * 40
    found = git.heads(folder, [*ids, unknown, head, ids[0]], 8)
    assert [found[id_] for id_ in ids] == [git.Head("blob", len(content), content[:8]) for content in contents]
    assert found[unknown] is None
    told = found[head]
    assert (
        told is not None
        and told.kind == "commit"
        and told.start == b"tree " + call(folder, "rev-parse", "HEAD^{tree}").encode()[:3]
    )
    assert len(found) == len(ids) + 2


def test_heads_of_incompressible_and_of_very_compressible_files(folder: Path) -> None:
    noise = random.Random(2)  # noqa: S311
    contents = [noise.randbytes(size) for size in (255, 256, 257, 5_000)] + [b"a" * 1_000_000, bytes(range(256)) * 40]
    ids = [blob(folder, content) for content in contents]
    objects = str(folder / ".git" / "objects")
    for id_, content in zip(ids, contents, strict=True):
        assert dict(git.each_head(folder, objects, [id_], 256)) == {id_: git.Head("blob", len(content), content[:256])}
    # Without the folder of the objects, git itself says the same.
    assert dict(git.each_head(folder, f"{folder}/nowhere", ids, 256)) == git.heads(folder, ids, 256)


def test_heads_of_a_damaged_file_are_asked_of_git(folder: Path) -> None:
    id_ = blob(folder, b"12345678" * 100)
    other = blob(folder, b"other")
    path = folder / ".git" / "objects" / id_[:2] / id_[2:]
    path.chmod(0o644)
    path.write_bytes(b"no zlib")
    assert git.heads(folder, [id_, other], 8) == {id_: None, other: git.Head("blob", 5, b"other")}


def test_heads_hold_no_whole_object(folder: Path) -> None:
    ids = [blob(folder, bytes([number]) * 40_000_000) for number in range(2)]
    pack_ids = "".join(f"{id_}\n" for id_ in ids).encode()
    call(folder, "pack-objects", "-q", ".git/objects/pack/pack", stdin=pack_ids)
    call(folder, "prune-packed", "-q")
    tracemalloc.start()
    found = git.heads(folder, ids, 64)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [head and head.size for head in found.values()] == [40_000_000] * 2
    assert peak < 2_000_000


def test_heads_leave_no_file_open(folder: Path) -> None:
    ids = [blob(folder, b"%d" % number) for number in range(50)]
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    before = len(list(Path("/proc/self/fd").iterdir()))
    git.heads(folder, [*ids, "1" * 40], 8)
    assert len(list(Path("/proc/self/fd").iterdir())) == before <= limit[0]


def test_a_sha256_repository(tmp_path: Path) -> None:
    call(tmp_path, "init", "-q", "--object-format=sha256", "new")
    folder = tmp_path / "new"
    id_ = blob(folder, b"12345")
    assert len(id_) == 64
    assert git.heads(folder, [id_], 3) == {id_: git.Head("blob", 5, b"123")}
    assert git.sizes(folder, [id_]) == {id_: ("blob", 5)}


# What the import costs, and what it was for before.


def test_the_import_is_light() -> None:
    lines = "import sys; import ops_tasks.systems.git; print(*{'git', 'pydantic', 'inspect'} & {*sys.modules})"
    ran = subprocess.run([sys.executable, "-c", lines], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    assert ran.stdout == "\n"


def test_the_commit_of_a_folder(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert git.commit(folder) is None
    head = commit(folder, a=b"1")
    assert git.commit(folder) == head
    (folder / "a").write_bytes(b"2")
    assert git.commit(folder) == f"{head}+"


def test_git_that_dies_in_the_middle_is_an_error(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    id_ = blob(folder, b"12345")
    real = Path(call(folder, "--exec-path")) / "git"
    fake = tmp_path / "bin" / "git"
    fake.parent.mkdir()
    fake.write_text(
        f'#!/bin/sh\ncase "$*" in *--batch*) echo {id_} blob 500000; echo 1; exit 0;; esac\nexec "{real}" "$@"\n'
    )
    fake.chmod(0o755)
    pack(folder)
    monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
    with pytest.raises(UsageError, match="git fsck"):
        git.heads(folder, [id_, "1" * 40], 8)
