"""Which files are written, and that it is all of them or none."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from ops_tasks import whole_files
from ops_tasks.discovery.described import file_of, root_of, text_in
from ops_tasks.discovery.edits import edits, write
from ops_tasks.discovery.facts import Fact, Found
from ops_tasks.discovery.loaders import commands
from ops_tasks.discovery.tree import grow
from ops_tasks.discovery.writing import Edit
from ops_tasks.errors import OpsError, UsageError
from ops_tasks.namespaces.init import as_invoke
from ops_tasks.stack import find


def facts(database: str = "wh.duckdb") -> Found:
    return Found((Fact(("databases", "wh"), database, "there"), Fact(("sqlmesh", "project"), ".", "there")))


@pytest.mark.parametrize(
    ("there", "taken"),
    [
        ([], "invoke.yaml"),
        (["invoke.yml"], "invoke.yml"),
        (["invoke.yml", "invoke.yaml", "invoke.json"], "invoke.yaml"),
        (["invoke.yml", "invoke.py"], "invoke.yml"),
    ],
)
def test_the_section_goes_where_invoke_reads_it(there: list[str], taken: str, tmp_path: Path) -> None:
    for name in there:
        (tmp_path / name).write_text("run: {echo: true}\n")
    file = file_of(tmp_path)
    assert file == tmp_path / taken
    made, _ = edits(file, facts(), [], "x", as_invoke)
    write(edit for edit in made if edit.changes)
    assert find(tmp_path).file == file


@pytest.mark.parametrize("name", ["invoke.json", "invoke.py"])
def test_a_configuration_that_is_no_yaml_is_not_hidden(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("{}")
    with pytest.raises(UsageError, match=f"{name} is there") as refused:
        file_of(tmp_path)
    assert refused.value.way_out == "move what it says into invoke.yaml"


def test_paths_are_relative_to_the_root_of_the_section(tmp_path: Path) -> None:
    (tmp_path / "st").mkdir()
    file = tmp_path / "invoke.yaml"
    file.write_text("ops:\n  root: st\n")
    assert root_of(file) == tmp_path / "st"
    made, _ = edits(file, facts(), [], "x", as_invoke)
    ignored = next(edit.after for edit in made if edit.path.name == ".gitignore")
    assert ignored == "/st/.ops/\n/st/wh.duckdb*\n"
    file.write_text("ops:\n  root: gone\n")
    with pytest.raises(UsageError, match=r"ops\.root: .*gone does not exist"):
        root_of(file)


def test_git_ignores_a_file_with_an_odd_name(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    made, _ = edits(tmp_path / "invoke.yaml", facts("data/w\\h[1]*?.duckdb"), [], "x", as_invoke)
    write(edit for edit in made if edit.changes)
    (tmp_path / "data").mkdir()
    for name in ("w\\h[1]*?.duckdb", "w\\h[1]*?.duckdb.wal", "w\\h[1]xx.duckdb"):
        (tmp_path / "data" / name).touch()
    told = subprocess.run(
        ["git", "-c", "core.quotePath=false", "status", "--short", "-uall", "data"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert told.count("duckdb") == 1
    assert "xx.duckdb" in told


@pytest.mark.parametrize("broken", ["invoke.yaml", ".gitignore"])
def test_what_is_no_regular_file_is_told(broken: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / broken)
    with pytest.raises(UsageError, match=f"{broken} is no regular file"):
        text_in(tmp_path / broken)


def test_only_regular_files_are_looked_at(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config.yml")
    (tmp_path / "load_x.sh").symlink_to("nowhere.sh")
    (tmp_path / "load_y.sh").write_text("echo\n")
    tree = grow(tmp_path)
    assert tree.files == (tmp_path / "load_y.sh",)
    assert [one.where for one in commands(tree)] == ["load_y.sh"]


def three(folder: Path) -> list[Edit]:
    (folder / "old").write_bytes(b"one\r\n")
    (folder / "old").chmod(0o640)
    (folder / "last").write_text("kept\n")
    return [Edit(folder / "new", None, "x\n"), Edit(folder / "old", "", "two\r\n"), Edit(folder / "last", "", "y\n")]


def state(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mode & 0o777) for path in folder.iterdir()}


def test_what_is_written_keeps_its_mode_and_its_line_ends(tmp_path: Path) -> None:
    write(three(tmp_path))
    there = state(tmp_path)
    assert there["old"] == (b"two\r\n", 0o640)
    assert (there["new"][0], there["last"][0]) == (b"x\n", b"y\n")


def test_where_one_cannot_be_written_none_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = three(tmp_path)
    before = state(tmp_path)
    real = whole_files.write

    def immutable(file: Path, content: str | bytes, mode: int | None = None) -> None:
        if file.name == "last":
            raise PermissionError(1, "Operation not permitted")
        real(file, content, mode)

    monkeypatch.setattr(whole_files, "write", immutable)
    with pytest.raises(UsageError, match="last cannot be written: Operation not permitted; every file is as it was"):
        write(made)
    assert state(tmp_path) == before


def test_what_could_not_be_put_back_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = three(tmp_path)
    real = whole_files.write

    def full(file: Path, content: str | bytes, mode: int | None = None) -> None:
        if file.name == "last" or content == b"one\r\n":
            raise OSError(28, "No space left on device")
        real(file, content, mode)

    monkeypatch.setattr(whole_files, "write", full)
    with pytest.raises(OpsError, match=r"could not be put back: .*old \(No space left on device\)") as failed:
        write(made)
    assert failed.value.exit_code == 5
    assert sorted(state(tmp_path)) == ["last", "old"]
