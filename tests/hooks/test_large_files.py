"""What is staged, as git stores it: sizes, kinds of data, odd names, odd states."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from hooks.large_files import main

KB = 1024
LARGE = b"x" * (500 * KB + 1)
SMALL = b"a,b\n1,2\n"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0a" * 32 + b"\nsize 5242880\n"
LATIN = os.fsdecode(b"caf\xe9.csv")
ROOT = Path(__file__).resolve().parents[2]

Git = Callable[..., str]


@pytest.fixture(autouse=True)
def git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Git:
    """`git(words...)` in a new repository, where the test also is."""
    for key in [key for key in os.environ if key.startswith(("GIT_", "PRE_COMMIT"))]:
        monkeypatch.delenv(key)
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Ann")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "ann@example.org")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    folder = tmp_path / "repository"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def run(*words: str, fails: bool = False) -> str:
        ran = subprocess.run(["git", *words], capture_output=True, text=True, errors="surrogateescape")
        assert fails or ran.returncode == 0, ran.stderr
        return ran.stdout.strip()

    run("init", "-q", "-b", "main", ".")
    return run


def put(path: str, content: bytes) -> Path:
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


def stage(git: Git, path: str, content: bytes) -> Path:
    file = put(path, content)
    git("add", "--", path)
    return file


def commit(git: Git, path: str, content: bytes) -> Path:
    file = stage(git, path, content)
    git("commit", "-q", "-m", path)
    return file


def database(path: str, options: str = "") -> Path:
    file = Path(path)
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{file}' AS d {options}; CREATE TABLE d.t AS SELECT range AS i FROM range(10)")
    return file


def wal_of_a_killed_writer(path: str) -> bytes:
    statement = "CREATE TABLE t AS SELECT 1 AS a"
    lines = f"import duckdb, os\nc = duckdb.connect({path!r})\nc.execute({statement!r})\nos.kill(os.getpid(), 9)"
    assert subprocess.run([sys.executable, "-c", lines]).returncode == -9
    return Path(f"{path}.wal").read_bytes()


# What the usual hook lets through, or stumbles over.


def test_a_tracked_file_that_grows_large(git: Git, capsys: pytest.CaptureFixture[str]) -> None:
    commit(git, "data.csv", SMALL)
    stage(git, "data.csv", LARGE)
    assert main([]) == 1
    out = capsys.readouterr().out
    assert out.startswith("data.csv: a file of 501 KB, over the limit of 500 KB\n")
    assert "git restore --staged -- data.csv" in out
    assert ".gitignore: /data.csv\n" in out
    assert "git lfs track --filename data.csv" in out
    assert out.endswith("\nops-large-files: judged 1 staged files, refused 1\n")


def test_staged_large_while_the_work_tree_is_truncated(git: Git) -> None:
    commit(git, "a", SMALL)
    stage(git, "data.csv", LARGE).write_bytes(b"")
    assert main(["data.csv"]) == 1


def test_staged_small_while_the_work_tree_is_large(git: Git) -> None:
    stage(git, "data.csv", SMALL).write_bytes(LARGE)
    assert main(["data.csv"]) == 0


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("données/été.csv", id="not ASCII"),
        pytest.param(LATIN, id="a byte that is no UTF-8"),
        pytest.param("two\nlines.csv", id="a line break"),
        pytest.param(" spaces and 'quotes' .csv", id="spaces and quotes"),
        pytest.param("-option.csv", id="a dash first"),
        pytest.param("a[1]*.csv", id="a pattern"),
        pytest.param(":(top)x.csv", id="pathspec magic"),
        pytest.param("back\\slash\t.csv", id="backslash and tab"),
    ],
)
def test_odd_names_are_judged_and_the_way_out_is_a_command_that_works(
    git: Git, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    commit(git, "a", SMALL)
    put(name, LARGE)
    git("--literal-pathspecs", "add", "--", name)
    assert main(["--", name]) == 1
    out = capsys.readouterr().out
    assert all(line.isprintable() for line in out.splitlines())
    assert "refused 1" in out
    command = out.partition("unstage it: ")[2].partition("\n")[0]
    subprocess.run(["bash", "-c", command], check=True)
    assert main([]) == 0
    line = out.partition("topmost .gitignore: ")[2].partition("\n")[0]
    Path(".gitignore").write_text(f"{line}\n", encoding="utf-8")
    assert git("status", "--porcelain", "-uall") == "?? .gitignore"


def test_without_a_commit_the_way_out_works_too(git: Git, capsys: pytest.CaptureFixture[str]) -> None:
    stage(git, "data.csv", LARGE).write_bytes(SMALL)
    assert main([]) == 1
    command = capsys.readouterr().out.partition("unstage it: ")[2].partition("\n")[0]
    assert "rm --cached" in command
    subprocess.run(["bash", "-c", command], check=True)
    assert git("ls-files") == ""
    assert Path("data.csv").read_bytes() == SMALL


def test_a_raw_blob_under_filter_lfs(git: Git, capsys: pytest.CaptureFixture[str]) -> None:
    stage(git, ".gitattributes", b"*.bin filter=lfs diff=lfs merge=lfs -text\n")
    stage(git, "model.bin", LARGE)
    stage(git, "other.csv", LARGE)
    assert main([]) == 1
    out = capsys.readouterr().out
    assert out.count("Git LFS is not installed here, or was bypassed") == 1
    assert "git lfs install && git add --renormalize -- model.bin" in out


def test_a_duckdb_file_under_another_name(git: Git, capsys: pytest.CaptureFixture[str]) -> None:
    database("orders.csv")
    git("add", "orders.csv")
    assert main(["--max-kb", "100000", "--data-kb", "100000"]) == 1
    assert "orders.csv: a DuckDB database of " in capsys.readouterr().out


def test_a_dangling_symlink_and_one_to_a_large_file(git: Git) -> None:
    put("../large.csv", LARGE)
    Path("dangling").symlink_to("nowhere")
    Path("link").symlink_to("../large.csv")
    git("add", ".")
    assert main(["dangling", "link"]) == 0
    assert main(["--all"]) == 0


def test_all_finds_what_is_committed_already(git: Git, capsys: pytest.CaptureFixture[str]) -> None:
    commit(git, "data.csv", LARGE)
    assert main(["data.csv"]) == 0
    assert "judged 0 staged files (none of the 1 names is staged), refused 0" in capsys.readouterr().out
    assert main(["--all"]) == 1
    assert "git rm --cached -- data.csv" in capsys.readouterr().out
    assert main(["--all", "other"]) == 0


@pytest.mark.parametrize("born", [True, False], ids=["with a commit", "without a commit"])
def test_intent_to_add(git: Git, born: bool) -> None:
    if born:
        commit(git, "a", SMALL)
    put("data.csv", LARGE)
    git("add", "-N", "data.csv")
    assert main([]) == 0
    assert main(["--all"]) == 0


# States of the index.


def test_without_a_commit(git: Git) -> None:
    assert main([]) == 0
    stage(git, "data.csv", LARGE)
    assert main([]) == 1


@pytest.mark.parametrize(
    ("names", "code"),
    [
        pytest.param([], 1, id="no name is everything that is staged"),
        pytest.param(["large.csv"], 1, id="a name from here"),
        pytest.param(["./large.csv"], 1, id="a name with a dot"),
        pytest.param(["../top.csv"], 1, id="a name above"),
        pytest.param(["../deep/large.csv"], 1, id="up and down"),
        pytest.param(["."], 1, id="this folder"),
        pytest.param(["../deep/"], 1, id="a folder"),
        pytest.param([".."], 1, id="the top"),
        pytest.param(["small.csv"], 0, id="another file"),
        pytest.param(["top.csv"], 0, id="not from the top"),
        pytest.param(["../dee"], 0, id="the beginning of a name"),
    ],
)
def test_from_a_subdirectory(git: Git, names: list[str], code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(git, "a", SMALL)
    for path, content in (("top.csv", LARGE), ("deep/large.csv", LARGE), ("deep/small.csv", SMALL)):
        stage(git, path, content)
    monkeypatch.chdir("deep")
    assert main(names) == code
    assert main(["--all", *names]) == code


def test_the_way_out_from_a_subdirectory(
    git: Git, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    commit(git, "a", SMALL)
    stage(git, "one/large.csv", LARGE)
    Path("two").mkdir()
    monkeypatch.chdir("two")
    assert main([]) == 1
    out = capsys.readouterr().out
    assert "git restore --staged -- ../one/large.csv" in out
    assert ".gitignore: /one/large.csv" in out


def test_absolute_names(git: Git, tmp_path: Path) -> None:
    commit(git, "a", SMALL)
    stage(git, "deep/large.csv", LARGE)
    (tmp_path / "alias").symlink_to(Path.cwd())
    assert main([str(Path.cwd() / "deep" / "large.csv")]) == 1
    assert main([str(tmp_path / "alias" / "deep" / "large.csv")]) == 1
    assert main([str(tmp_path / "large.csv")]) == 0


def test_deleted_renamed_copied_and_changed_modes(git: Git, capsys: pytest.CaptureFixture[str]) -> None:
    commit(git, "data.csv", LARGE)
    Path("data.csv").chmod(0o755)
    git("add", "data.csv")
    assert main([]) == 0, "a changed mode adds no content"
    git("mv", "data.csv", "moved.csv")
    assert main([]) == 1, "a renamed file is judged"
    git("reset", "-q", "--hard")
    git("rm", "-q", "data.csv")
    assert main([]) == 0, "a deleted file is not"
    git("reset", "-q", "--hard")
    stage(git, "copy.csv", LARGE)
    capsys.readouterr()
    assert main([]) == 1, "a copy is judged"
    assert capsys.readouterr().out.startswith("copy.csv: ")


def test_a_file_that_takes_the_place_of_a_link(git: Git) -> None:
    Path("link").symlink_to("nowhere")
    git("add", "link")
    git("commit", "-q", "-m", "link")
    Path("link").unlink()
    stage(git, "link", LARGE)
    assert main([]) == 1


def test_a_submodule(git: Git) -> None:
    commit(git, "a", SMALL)
    head = git("rev-parse", "HEAD")
    git("update-index", "--add", "--cacheinfo", f"160000,{head},library")
    assert main([]) == 0
    assert main(["--all"]) == 0


def test_a_merge_in_progress(git: Git) -> None:
    commit(git, "both.csv", SMALL)
    git("switch", "-q", "-c", "other")
    commit(git, "both.csv", LARGE)
    git("switch", "-q", "main")
    commit(git, "both.csv", b"something else\n")
    git("merge", "other", fails=True)
    assert "UU both.csv" in git("status", "--porcelain")
    assert main([]) == 0, "a conflict cannot be committed"
    assert main(["--all"]) == 0
    git("checkout", "--theirs", "both.csv")
    git("add", "both.csv")
    assert main([]) == 1


def test_two_files_of_the_same_content_are_both_named(git: Git, capsys: pytest.CaptureFixture[str]) -> None:
    stage(git, "b.csv", LARGE)
    stage(git, "a.csv", LARGE)
    assert main([]) == 1
    out = capsys.readouterr().out
    assert out.index("a.csv: ") < out.index("b.csv: ")
    assert "refused 2" in out


def test_packed_objects_and_alternates(git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(git, "data.csv", LARGE)
    database("small.db")
    commit(git, "small.db", Path("small.db").read_bytes())
    git("gc", "-q")
    assert main(["--all"]) == 1
    git("clone", "-q", "--shared", ".", str(tmp_path / "clone"))
    monkeypatch.chdir(tmp_path / "clone")
    assert main(["--all", "small.db"]) == 1
    assert main(["--all", "data.csv"]) == 1


def test_a_linked_work_tree(git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(git, "a", SMALL)
    git("worktree", "add", "-q", str(tmp_path / "other"))
    monkeypatch.chdir(tmp_path / "other")
    stage(git, "data.csv", LARGE)
    assert main([]) == 1


def test_many_files_are_shared_by_two_processes(git: Git, capsys: pytest.CaptureFixture[str]) -> None:
    commit(git, "a", SMALL)
    for number in range(1200):
        put(f"many/{number:04}", b"%d\n" % number)
    for number in (3, 1150):
        put(f"many/{number:04}", LARGE + b"%d" % number)
    git("add", ".")
    assert main([]) == 1
    out = capsys.readouterr().out
    assert [line[:9] for line in out.splitlines() if line.startswith("many")] == ["many/0003", "many/1150"]
    assert "judged 1,200 staged files, refused 2" in out


@pytest.mark.parametrize("lost", ["0003", "1150"], ids=["in the first half", "in the second half"])
def test_a_lost_object_is_no_verdict(git: Git, lost: str, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(1200):
        put(f"many/{number:04}", b"%d\n" % number)
    git("add", ".")
    id_ = git("rev-parse", f":many/{lost}")
    Path(f".git/objects/{id_[:2]}/{id_[2:]}").unlink()
    assert main([]) == 2
    error = capsys.readouterr().err
    assert id_ in error and f"many/{lost}" in error and error.count("\n") == 1


# Kinds of data.


def test_a_duckdb_file_with_another_block_size_or_format(git: Git, capsys: pytest.CaptureFixture[str]) -> None:
    database("a", "(BLOCK_SIZE 16384)")
    database("b", "(STORAGE_VERSION 'latest')")
    git("add", ".")
    assert main([]) == 1
    assert "refused 2" in capsys.readouterr().out


def test_the_log_of_a_killed_writer(git: Git, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stage(git, "notes.txt", wal_of_a_killed_writer(str(tmp_path / "x.duckdb")))
    assert main([]) == 1
    assert "notes.txt: the write-ahead log of a DuckDB database of 1 KB; the limit is 0 KB" in capsys.readouterr().out


def parquet(path: str) -> None:
    duckdb.execute(f"COPY (SELECT hash(range) AS h FROM range(20000)) TO '{path}' (FORMAT parquet)")


def sqlite(path: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t AS SELECT zeroblob(150000) AS b")
    connection.close()


@pytest.mark.parametrize(
    ("make", "words"), [(parquet, "a Parquet file"), (sqlite, "a SQLite database")], ids=["parquet", "sqlite"]
)
def test_real_data_files(git: Git, make: Callable[[str], None], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    make("data.txt")
    git("add", ".")
    kb = -(-Path("data.txt").stat().st_size // KB)
    assert main([f"--data-kb={kb}"]) == 0
    assert main([f"--data-kb={kb - 1}"]) == 1
    assert f"data.txt: {words} of {kb} KB, over the limit of {kb - 1} KB for data" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("begin", "words"),
    [
        pytest.param(b"PAR1\x15\x04", "a Parquet file", id="parquet"),
        pytest.param(b"PARE\x15\x04", "an encrypted Parquet file", id="encrypted parquet"),
        pytest.param(b"ARROW1\0\0", "an Arrow file", id="arrow"),
        pytest.param(b"FEA1\0\0\0\0", "a Feather file", id="feather"),
        pytest.param(b"SQLite format 3\0", "a SQLite database", id="sqlite"),
        pytest.param(b"ORC\x08\x01", "an ORC file", id="orc"),
        pytest.param(b"Obj\x01\x04", "an Avro file", id="avro"),
    ],
)
def test_data_at_the_limit_and_over_it(git: Git, begin: bytes, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    stage(git, "at", begin.ljust(100 * KB, b"\0"))
    assert main([]) == 0
    stage(git, "over", begin.ljust(100 * KB + 1, b"\0"))
    assert main([]) == 1
    assert f"over: {words} of 101 KB, over the limit of 100 KB for data\n" in capsys.readouterr().out


def test_data_over_both_limits_and_a_limit_of_its_own_above_the_other(
    git: Git, capsys: pytest.CaptureFixture[str]
) -> None:
    stage(git, "x", b"PAR1\x15".ljust(600 * KB, b"\0"))
    assert main(["--data-kb", "1000"]) == 1
    assert "x: a Parquet file of 600 KB, over the limit of 500 KB\n" in capsys.readouterr().out


# Git LFS.


def test_a_pointer_passes_and_what_only_begins_like_one_does_not(git: Git) -> None:
    stage(git, "pointer.bin", POINTER)
    assert main(["--max-kb", "0"]) == 0
    stage(git, "fake.bin", POINTER + LARGE)
    assert main(["fake.bin"]) == 1
    stage(git, "short.bin", POINTER.replace(b"oid", b"old"))
    assert main(["--max-kb", "0", "short.bin"]) == 1


# The command line.


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["--max-kb", "many"], "'many' is not a number of KB", id="no number"),
        pytest.param(["--max-kb", "-1"], "'-1' is not a number of KB", id="negative"),
        pytest.param(["--data-kb=1.5"], "'1.5' is not a number of KB", id="a fraction"),
        pytest.param(["--all", "--range", "A..B"], "not allowed with", id="two modes"),
        pytest.param(["--range=A..B", "file"], "takes no FILENAMES", id="files of a range"),
        pytest.param(["--maxkb", "5"], "unrecognized arguments", id="unknown option"),
    ],
)
def test_wrong_command_lines_are_one_line(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(words)
    error = capsys.readouterr().err
    assert stopped.value.code == 2
    assert said in error and error.count("\n") == 1


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    assert "ops-large-files --range origin/main..HEAD" in capsys.readouterr().out


def test_outside_of_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert main([]) == 2
    error = capsys.readouterr().err
    assert "not a git repository" in error and error.count("\n") == 1


def test_git_itself_stops_the_commit(git: Git) -> None:
    commit(git, "a", SMALL)
    hook = put(
        ".git/hooks/pre-commit",
        f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m hooks.large_files\n'.encode(),
    )
    hook.chmod(0o755)
    head = git("rev-parse", "HEAD")
    stage(git, "data.csv", LARGE)
    ran = subprocess.run(["git", "commit", "-m", "large"], capture_output=True, text=True)
    assert ran.returncode == 1
    assert "data.csv: a file of 501 KB" in ran.stdout + ran.stderr
    assert git("rev-parse", "HEAD") == head
    # `git commit PATH` commits from an index of its own (GIT_INDEX_FILE): what else is staged does not count.
    put("a", b"changed\n")
    git("commit", "-q", "-m", "small", "a")
    assert git("rev-parse", "HEAD") != head


def test_the_document_names_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    options = set(re.findall(r"--[a-z][a-z-]*", capsys.readouterr().out.partition("options:")[2])) - {"--help"}
    document = (ROOT / "docs" / "hooks" / "large-files.md").read_text(encoding="utf-8")
    table = document.partition("## Options")[2].partition("## In CI")[0]
    assert options == set(re.findall(r"--[a-z][a-z-]*", table)) - {"--all-files"}
    assert len(options) == 4
