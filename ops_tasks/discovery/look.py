"""Looks around in a whole project and says what its `ops:` section has to be, and why."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ops_tasks.discovery import places, projects, sources
from ops_tasks.discovery.facts import Fact, Found
from ops_tasks.discovery.tree import Tree, grow
from ops_tasks.systems.worker import Worker

MAGIC = b"DUCK"
Say = Callable[[str], None]
LIMIT = 120.0


def around(root: Path, say: Say) -> Found:
    """Everything that can be found out about the stack below `root`; reads only.

    Raises `UsageError` where there is no SQLMesh project on DuckDB or MotherDuck, `Busy` while somebody writes.
    """
    say("looking at the files")
    tree = grow(root.resolve())
    project = projects.read(tree, say)
    strays = {} if project.remote else _strays(tree, project)
    where = {**project.catalogs, **{name: str(path) for name, path in strays.items()}}
    say("looking at the databases")
    with Worker("discovery", cwd=tree.root, limit=LIMIT) as worker:
        there = {name: path for name, path in where.items() if project.remote or Path(path).is_file()}
        looked: dict[str, Any] = worker.call("look", say, databases=there, leave_out=project.reads["made"])
    loaded = {name: path for name, path in strays.items() if looked[name]["dlt"]}
    unused = [tree.told(path) for name, path in strays.items() if name not in loaded]
    looked = {name: told for name, told in looked.items() if name not in strays or name in loaded}
    elsewhere = {name.lower() for name in project.others}
    covered = [table for table in project.reads["raw"] if str(table[0]).lower() not in elsewhere]
    found, missing = sources.group(looked, covered)
    return Found(
        tuple(_facts(tree, project, loaded, looked, found, say)),
        (
            *project.notes,
            *missing,
            *(f"{name} is no part of the stack: SQLMesh does not attach it, dlt has not loaded it" for name in unused),
            *(["only the first 20,000 files were looked at"] if tree.cut else []),
        ),
    )


def _facts(
    tree: Tree,
    project: projects.Project,
    loaded: Mapping[str, Path],
    looked: Mapping[str, Any],
    found: list[sources.Source],
    say: Say,
) -> Iterator[Fact]:
    databases = [fact for fact in project.facts if fact.key[0] != "sqlmesh"]
    yield from databases
    for name, path in loaded.items():
        yield Fact(("databases", name), tree.told(path), "dlt has loaded it; SQLMesh does not attach it")
    each: list[Fact] = []
    paths = list(dict.fromkeys([tree.root, *places.dagster_paths(tree)]))
    for source in found:
        say(f"looking for what loads {source.name}")
        each += sources.facts(tree, source, looked, project.reads["columns"], paths)
    if on := _python_path(tree, paths, each):
        yield on
    yield from (fact for fact in project.facts if fact.key[0] == "sqlmesh")
    yield from places.contracts(tree)
    yield from places.dagster(tree)
    if any(source.dlt for source in found):
        yield from places.pipelines(tree, [source.pipeline or source.name for source in found if source.dlt])
    yield from each


def _python_path(tree: Tree, paths: list[Path], each: list[Fact]) -> Fact | None:
    """What has to be on `sys.path`, where that is more than the root."""
    from ops_tasks.discovery.loaders import factories

    used = {str(fact.value["dlt"]) for fact in each if fact.key[-1] == "load" and fact.value and "dlt" in fact.value}
    wanted = [one.on for one in factories(tree) if one.path in used]
    on = list(dict.fromkeys([*paths, *wanted]))
    told = [tree.told(path) for path in on if path.is_relative_to(tree.root)]
    return None if told == ["."] else Fact(("python_path",), told, "what is imported lies there")


def _strays(tree: Tree, project: projects.Project) -> dict[str, Path]:
    """DuckDB files that SQLMesh does not attach, by the name that they would have as a catalog."""
    taken = {Path(where) for where in project.catalogs.values()} | {project.state}
    found: dict[str, Path] = {}
    for file in tree.ending(".duckdb", ".db", ".ddb"):
        inside = file.relative_to(tree.root).parts[0] == ".ops"
        if file not in taken and not inside and _is_duckdb(file) and file.stem not in {**project.catalogs, **found}:
            found[file.stem] = file
    return found


def _is_duckdb(file: Path) -> bool:
    """By the magic bytes behind the checksum of the main header."""
    try:
        descriptor = os.open(file, os.O_RDONLY)
    except OSError:
        return False
    try:
        return os.pread(descriptor, len(MAGIC), 8) == MAGIC
    finally:
        os.close(descriptor)
