"""What commits bring: removed files too, new branches, merges, the words of a push."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from hooks.large_files import main

LARGE = b"x" * (500 * 1024 + 1)
SMALL = b"a,b\n1,2\n"
ZERO = "0" * 40

Git = Callable[..., str]


@pytest.fixture(autouse=True)
def git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Git:
    """`git(words...)` in a new repository with one commit, tagged `base`, where the test also is."""
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

    def run(*words: str) -> str:
        return subprocess.run(["git", *words], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

    run("init", "-q", "-b", "main", ".")
    commit(run, "a", SMALL)
    run("tag", "base")
    return run


def commit(git: Git, path: str, content: bytes | None) -> str:
    """The id of a commit that writes `path`, or removes it."""
    if content is None:
        git("rm", "-q", "--", path)
    else:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(content)
        git("add", "--", path)
    git("commit", "-q", "-m", f"about {path!r}")
    return git("rev-parse", "HEAD")


def test_added_and_removed_again(git: Git, capsys: pytest.CaptureFixture[str]) -> None:
    brought = commit(git, "deep/data.csv", LARGE)
    commit(git, "deep/data.csv", None)
    assert main(["--all"]) == 0
    capsys.readouterr()
    assert main(["--range", "base..HEAD"]) == 1
    out = capsys.readouterr().out
    assert out.startswith(
        f"deep/data.csv: a file of 501 KB, over the limit of 500 KB, brought by commit {brought[:12]}\n"
    )
    assert f"rewrite the commits before the push: git rebase -i {brought}^, mark {brought[:12]} as edit" in out
    assert (
        "git rm --cached -- deep/data.csv && git commit --amend --no-edit --allow-empty && git rebase --continue" in out
    )
    assert "git lfs migrate import --include=/deep/data.csv" in out
    assert "git restore" not in out
    assert out.endswith("\nops-large-files: judged 1 files of base..HEAD, refused 1\n")


def test_the_way_out_works(git: Git, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    commit(git, "data.csv", LARGE)
    commit(git, "later.csv", SMALL)
    commit(git, "later.csv", b"more\n")
    assert main(["--range", "base..HEAD"]) == 1
    first, then = capsys.readouterr().out.split("\n")[1:3]
    monkeypatch.setenv("GIT_SEQUENCE_EDITOR", "sed -i 1s/pick/edit/")
    monkeypatch.setenv("GIT_EDITOR", "true")
    subprocess.run(["bash", "-c", first.partition("the push: ")[2].partition(",")[0]], check=True)
    subprocess.run(["bash", "-c", then.strip()], check=True)
    assert main(["--range", "base..HEAD"]) == 0
    assert Path("later.csv").read_bytes() == b"more\n"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        pytest.param("base..HEAD", 1, id="two dots"),
        pytest.param("base...HEAD", 1, id="three dots"),
        pytest.param("base..", 1, id="up to HEAD"),
        pytest.param("HEAD", 1, id="all of a branch"),
        pytest.param("HEAD ^base", 1, id="rev-list's own words"),
        pytest.param("HEAD --not base", 1, id="not"),
        pytest.param("HEAD --not --remotes", 1, id="a new branch"),
        pytest.param(f"{ZERO}..HEAD", 1, id="from nothing"),
        pytest.param(f"HEAD ^{ZERO}", 1, id="not nothing"),
        pytest.param("HEAD..base", 0, id="nothing new"),
        pytest.param("HEAD~..HEAD", 0, id="only a later commit"),
        pytest.param(f"HEAD..{ZERO}", 0, id="a deleted branch"),
        pytest.param(f"{ZERO} --not --remotes", 0, id="a deleted branch, no remote"),
    ],
)
def test_ranges(git: Git, words: str, code: int) -> None:
    commit(git, "data.csv", LARGE)
    commit(git, "b", SMALL)
    assert main(["--range", words]) == code


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param("nowhere..HEAD", "nowhere..HEAD", id="unknown revision"),
        pytest.param("1" * 40 + "..HEAD", "1" * 40, id="unknown object"),
        pytest.param("--output=x HEAD", "--output=x", id="another option"),
        pytest.param("", "empty", id="no word"),
        pytest.param("^" + ZERO, "empty", id="only what is not"),
    ],
)
def test_ranges_that_say_nothing(words: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([f"--range={words}"]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_a_file_name_taken_for_the_value(capsys: pytest.CaptureFixture[str]) -> None:
    """pre-commit appends names to `args: [--range]` unless pass_filenames is false: that must not pass."""
    assert main(["--range", "a"]) == 2
    assert "pass_filenames" in capsys.readouterr().err


def test_a_new_root_commit(git: Git, capsys: pytest.CaptureFixture[str]) -> None:
    git("switch", "-q", "--orphan", "fresh")
    commit(git, "data.csv", LARGE)
    git("switch", "-q", "main")
    git("merge", "-q", "--allow-unrelated-histories", "-m", "join", "fresh")
    assert main(["--range", "base..HEAD"]) == 1
    assert "git rebase -i --root" in capsys.readouterr().out


def test_a_merge_that_brings_what_no_parent_has(git: Git, capsys: pytest.CaptureFixture[str]) -> None:
    git("switch", "-q", "-c", "other")
    commit(git, "b", SMALL)
    git("switch", "-q", "main")
    commit(git, "c", SMALL)
    git("merge", "-q", "--no-ff", "--no-commit", "other")
    Path("evil.csv").write_bytes(LARGE)
    git("add", "evil.csv")
    git("commit", "-q", "-m", "join")
    assert main(["--range", "base..HEAD"]) == 1
    assert (
        f"evil.csv: a file of 501 KB, over the limit of 500 KB, brought by commit {git('rev-parse', 'HEAD')[:12]}"
        in (capsys.readouterr().out)
    )


def test_what_the_other_side_has_already_is_not_brought_again(git: Git) -> None:
    commit(git, "data.csv", LARGE)
    git("tag", "-f", "base")
    git("mv", "data.csv", "moved.csv")
    git("commit", "-q", "-m", "move")
    assert main(["--range", "base..HEAD"]) == 0


def test_odd_names(git: Git, capsys: pytest.CaptureFixture[str]) -> None:
    commit(git, "two\nlines é.csv", LARGE)
    commit(git, os.fsdecode(b"caf\xe9.csv"), LARGE + b"y")
    assert main(["--range", "base..HEAD"]) == 1
    out = capsys.readouterr().out
    assert r"$'two\x0alines \xc3\xa9.csv': a file of 501 KB" in out
    assert r"$'caf\xe9.csv': a file of 501 KB" in out


def test_symlinks_submodules_and_trees_are_no_files(git: Git) -> None:
    head = git("rev-parse", "HEAD")
    Path("link").symlink_to("nowhere")
    git("add", "link")
    git("update-index", "--add", "--cacheinfo", f"160000,{head},library")
    git("commit", "-q", "-m", "odd")
    git("tag", "-a", "-m", "a tag is an object too", "v1")
    assert main(["--range", "base..v1"]) == 0


def test_from_a_subdirectory_and_in_a_bare_repository(
    git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(git, "deep/data.csv", LARGE)
    git("clone", "-q", "--bare", ".", str(tmp_path / "bare"))
    monkeypatch.chdir("deep")
    assert main(["--range", "base..HEAD"]) == 1
    monkeypatch.chdir(tmp_path / "bare")
    assert main(["--range", "base..HEAD"]) == 1


def test_a_raw_blob_under_filter_lfs(git: Git, capsys: pytest.CaptureFixture[str]) -> None:
    commit(git, ".gitattributes", b"*.bin filter=lfs diff=lfs merge=lfs -text\n")
    commit(git, "model.bin", LARGE)
    assert main(["--range", "base.."]) == 1
    assert "bypassed" in capsys.readouterr().out


# What is pushed, in pre-commit's words.


@pytest.mark.parametrize(
    ("environment", "code"),
    [
        pytest.param({"FROM_REF": "base", "TO_REF": "main"}, 1, id="an old branch"),
        pytest.param({"FROM_REF": "main", "TO_REF": "main"}, 0, id="nothing new"),
        pytest.param({"FROM_REF": ZERO, "TO_REF": "main"}, 1, id="a new branch"),
        pytest.param({"FROM_REF": "main", "TO_REF": ZERO}, 0, id="a deleted branch"),
        pytest.param({"LOCAL_BRANCH": "refs/heads/main", "REMOTE_NAME": "origin"}, 1, id="a new root"),
        pytest.param({"LOCAL_BRANCH": "refs/heads/main", "REMOTE_NAME": "backup"}, 0, id="known to this remote"),
        pytest.param({}, 0, id="known to some remote"),
        pytest.param({"FROM_REF": "nowhere", "TO_REF": "main"}, 2, id="unknown"),
    ],
)
def test_the_words_of_a_push(
    git: Git, environment: dict[str, str], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(git, "data.csv", LARGE)
    for remote, revision in (("origin", "base"), ("backup", "main")):
        git("init", "-q", "--bare", str(tmp_path / remote))
        git("remote", "add", remote, str(tmp_path / remote))
        git("push", "-q", remote, f"{revision}:refs/heads/main")
    if environment.get("FROM_REF") == ZERO:
        environment = {**environment, "REMOTE_NAME": "origin"}
    for key, value in environment.items():
        monkeypatch.setenv(f"PRE_COMMIT_{key}", value)
    assert main(["--range"]) == code
