"""The sources of a stack: which raw tables there are, what loads them, and how a window is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import chain, count
from pathlib import Path
from typing import Any, cast

from ops_tasks.discovery import days, loaders, windows
from ops_tasks.discovery.facts import Fact
from ops_tasks.discovery.tree import Tree
from ops_tasks.errors import OpsError
from ops_tasks.systems.secrets import redact
from ops_tasks.systems.worker import Worker

PREFIXES, SUFFIXES = ("raw_", "src_", "source_", "landing_", "bronze_"), ("_raw", "_src", "_landing", "_bronze")
LIMIT = 60.0


@dataclass(frozen=True)
class Source:
    """Raw tables that come together: where they lie, and what dlt (an empty mapping without it) says of each."""

    name: str
    catalog: str
    dataset: str
    pipeline: str | None
    tables: Mapping[str, Mapping[str, Any]]

    @property
    def dlt(self) -> bool:
        """Whether dlt loads it."""
        return self.pipeline is not None


def group(looked: Mapping[str, Any], raw: Sequence[Sequence[str]]) -> tuple[list[Source], list[str]]:
    """The sources, those of dlt first; and notes about raw tables that are read and are nowhere."""
    found: list[Source] = []
    for catalog, one in looked.items():
        for told in one["dlt"]:
            there = one["tables"].get(told["dataset"], {})
            tables = {name: table for name, table in told["tables"].items() if name in there}
            if tables:
                name = _free(told["schema"], catalog, found)
                found.append(Source(name, catalog, told["dataset"], told["pipeline"] or told["schema"], tables))
    of_dlt = {(source.catalog, source.dataset) for source in found}
    groups: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = {}
    notes: list[str] = []
    tables, views = _by_name(looked, "tables"), _by_name(looked, "views")
    for place in raw:
        name = ".".join(place)
        if (real := tables.get(name.lower())) is not None:
            catalog, schema, table = real
            if (catalog, schema) not in of_dlt:
                groups.setdefault((catalog, schema), {})[table] = {}
        elif name.lower() in views:
            notes.append(f"models read {name}, which is a view: only tables can be loaded again")
        else:
            notes.append(f"models read {name}, and there is no such table")
    for (catalog, schema), of_schema in groups.items():
        bare = schema if schema != "main" else catalog
        found.append(Source(_free(_short(bare), catalog, found), catalog, schema, None, of_schema))
    return found, notes


def _by_name(looked: Mapping[str, Any], kind: str) -> dict[str, tuple[str, str, str]]:
    """What there is, by its name in lower case: DuckDB knows no other difference between names."""
    return {
        f"{catalog}.{schema}.{name}".lower(): (catalog, schema, name)
        for catalog, one in looked.items()
        for schema, names in one[kind].items()
        for name in names
    }


def _short(name: str) -> str:
    short = name
    for prefix in PREFIXES:
        short = short[len(prefix) :] if short.lower().startswith(prefix) else short
    for suffix in SUFFIXES:
        short = short[: -len(suffix)] if short.lower().endswith(suffix) else short
    return short or name


def _free(name: str, catalog: str, found: Sequence[Source]) -> str:
    taken = {source.name for source in found}
    tries = chain([name, f"{catalog}_{name}"], (f"{catalog}_{name}_{at}" for at in count(2)))
    return next(one for one in tries if one not in taken)


def facts(
    tree: Tree, source: Source, looked: Mapping[str, Any], columns: Mapping[str, Sequence[str]], paths: Sequence[Path]
) -> Iterator[Fact]:
    """Everything about one source; `columns` are those that models name, by the lower-case name of their table, `paths`
    what is on `sys.path` of a load."""
    key = ("sources", source.name)
    how = f"dlt's schema {source.name}" if source.dlt else "models read them, nobody makes them"
    yield Fact((*key, "catalog"), source.catalog, f"{len(source.tables)} raw tables are there: {how}")
    yield Fact((*key, "dataset"), source.dataset, f"their schema in {source.catalog}")
    if source.dlt:
        yield Fact((*key, "pipeline"), source.pipeline, "dlt's own note of the pipeline")
    there = looked[source.catalog]["tables"][source.dataset]
    for table, dlt in source.tables.items():
        read = columns.get(f"{source.catalog}.{source.dataset}.{table}".lower(), ())
        told = days.day_of(there[table], dlt, read, date.today())
        value = {"date_column": told.column} if told.column else {}
        yield Fact((*key, "tables", table), value, told.why, told.question)
    yield from _load(tree, source, paths)


def _load(tree: Tree, source: Source, paths: Sequence[Path]) -> Iterator[Fact]:
    key = ("sources", source.name)
    factory, question = _factory(tree, source, paths) if source.dlt else (None, "")
    if factory is not None:
        yield Fact((*key, "load"), {"dlt": factory.path}, f"a dlt source in {tree.told(factory.file)}", question)
        cursor = next((str(one["cursor"]) for one in source.tables.values() if one.get("cursor")), None)
        told = windows.of_python(tree, factory.file, source.name, cursor)
        if not told.window and factory.takes:
            asked = f"{factory.path} takes {', '.join(factory.takes)}: which variable of the environment sets that?"
            told = replace(told, question=asked)
    else:
        chosen, why = loaders.best(loaders.commands(tree), source.name, [source.dataset, *source.tables])
        if not chosen:
            what = "a dlt source function, a task, a target or a script"
            asked = f"how is {source.name} loaded? No {what} speaks of it"
            yield Fact((*key, "load"), None, question or "nothing was found", question or asked)
            return
        command, others = chosen[0], chosen[1:]
        if redact(" ".join(command.words)) != " ".join(command.words):
            asked = f"what loads {source.name}? {command.where} has a secret in its words: take it from the environment"
            yield Fact((*key, "load"), None, f"{why}, and would bring a secret into this file", asked)
            return
        asked = f"also possible: {', '.join(one.where for one in others)}" if others else ""
        yield Fact((*key, "load"), {"command": list(command.words)}, why, asked)
        told = windows.of_shell(command.files, " ".join(command.words), source.name)
    yield Fact((*key, "window"), told.window, told.why, told.question)


def _factory(tree: Tree, source: Source, paths: Sequence[Path]) -> tuple[loaders.Factory | None, str]:
    """The function that makes the source, as it says itself when called; and why it is not sure, or there is none.

    Making a dlt source extracts nothing.
    """
    known = [one for one in loaders.factories(tree) if source.name in one.names or source.pipeline in one.names]
    asked = ""
    for one in known:
        try:
            with Worker("discovery_dlt", cwd=tree.root, limit=LIMIT) as worker:
                told = worker.call("made", factory=one.path, python_path=[str(one.on), *map(str, paths)])
        except OpsError as error:
            asked = f"{one.path} cannot be called here: {error.reason}"
            continue
        if set(source.tables) & set(cast("list[str]", told["tables"])):
            return one, ""
    return (known[0], asked) if len(known) == 1 and asked else (None, asked)
