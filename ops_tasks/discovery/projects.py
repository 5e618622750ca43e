"""The SQLMesh project of a stack: where it is, which gateway it uses, and where its databases and its state lie."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ops_tasks.discovery.facts import Fact
from ops_tasks.discovery.tree import Tree, documents, text_of
from ops_tasks.errors import UsageError
from ops_tasks.sections import LOCAL, MOTHERDUCK
from ops_tasks.stack import TOKENS
from ops_tasks.systems.worker import Worker, require

YAML_KEYS = {"gateways", "model_defaults", "default_gateway"}
MD = "md:"
KINDS = ("duckdb", "motherduck")
LIMIT = 120.0
Say = Callable[[str], None]


@dataclass(frozen=True)
class Project:
    """A loaded project. `catalogs` are absolute paths or `md:NAME`, `state` the file of its state (None: in a catalog),
    `reads` what `discovery_sqlmesh_worker.reads` says, `others` catalogs of another system and its name."""

    folder: Path
    cwd: Path
    catalogs: Mapping[str, str]
    state: Path | None
    reads: Mapping[str, Any]
    facts: tuple[Fact, ...]
    notes: tuple[str, ...]
    others: Mapping[str, str]

    @property
    def remote(self) -> bool:
        """Whether its catalogs are MotherDuck's."""
        return any(where.startswith(MD) for where in self.catalogs.values())


def candidates(tree: Tree) -> list[Path]:
    """Folders that hold a SQLMesh configuration, those with the most models first."""
    found = {file.parent for file in tree.named("config.py") if "sqlmesh" in text_of(file)}
    found |= {file.parent for file in tree.named("config.yaml", "config.yml") if _is_sqlmesh(file)}
    return sorted(found, key=lambda folder: (-_models(tree, folder), len(folder.parts), folder))


def read(tree: Tree, say: Say) -> Project:
    """Load the project; `UsageError` where there is none, or one on something else than DuckDB and MotherDuck."""
    folders = candidates(tree)
    if not folders:
        raise UsageError(f"no SQLMesh project in {tree.root}", "give --dir the folder that holds the whole stack")
    require("sqlmesh", "sqlmesh")
    folder = folders[0]
    say(f"loading {tree.told(folder)}")
    with Worker("discovery_sqlmesh", cwd=folder, limit=LIMIT) as worker:
        told = worker.call("gateways", say, project=str(folder))
    name, gateway = _gateway(told, folder)
    cwd = _cwd(tree, folder, [*gateway["catalogs"].values(), gateway["state"]])
    with Worker("discovery_sqlmesh", cwd=cwd, limit=LIMIT) as worker:
        reads = worker.call("reads", say, project=str(folder), gateway=name)
    catalogs = {key: where if where.startswith(MD) else _below(tree, cwd, where) for key, where in _named(gateway)}
    state = Path(_below(tree, cwd, gateway["state"])) if gateway["state"] else None
    known = list(_project_facts(tree, folders, cwd, name, told, state, int(reads["models"])))
    if state is not None and str(state) in catalogs.values():
        state = None
        known = [fact for fact in known if fact.key != ("sqlmesh", "state")]
    databases = list(_database_facts(tree, catalogs, name))
    notes = tuple(_notes(told, name, gateway))
    return Project(folder, cwd, catalogs, state, reads, (*databases, *known), notes, gateway["others"])


def _notes(told: Mapping[str, Any], name: str, gateway: Mapping[str, Any]) -> Iterator[str]:
    if others := [one for one in told["gateways"] if one != name]:
        yield f"other gateways of SQLMesh are left alone: {', '.join(others)}"
    for catalog, system in cast("dict[str, str]", gateway["others"]).items():
        yield f"catalog {catalog} is of {system}: not covered, only DuckDB files and MotherDuck are"


def _is_sqlmesh(file: Path) -> bool:
    return any(isinstance(one, dict) and YAML_KEYS & set(cast("dict[str, Any]", one)) for one in _templated(file))


def _templated(file: Path) -> Iterator[Any]:
    """The documents of a configuration; one with templates in it is no YAML, and is judged by its first words."""
    found = list(documents(file))
    if not found:
        keys = {line.split(":")[0] for line in text_of(file).splitlines() if line[:1].isalpha() and ":" in line}
        found = [dict.fromkeys(keys)]
    yield from found


def _models(tree: Tree, folder: Path) -> int:
    return sum(1 for file in tree.ending(".sql", ".py") if file.is_relative_to(folder / "models"))


def _gateway(told: Mapping[str, Any], folder: Path) -> tuple[str, Mapping[str, Any]]:
    name = str(told["default"])
    gateway = cast("dict[str, Any]", told["gateways"]).get(name)
    if gateway is None or gateway["type"] not in KINDS or not gateway["catalogs"]:
        kind = "none" if gateway is None else f"{gateway['type']} without a file"
        raise UsageError(
            f"{folder}: the default gateway {name!r} is {kind}", "only DuckDB files and MotherDuck are supported"
        )
    if gateway["state_type"] not in (None, "duckdb"):
        raise UsageError(f"{folder}: SQLMesh's state is on {gateway['state_type']}", "only a DuckDB file is supported")
    if gateway["tokens"] and not any(os.environ.get(one) for one in TOKENS):
        reason = f"{folder}: the path of catalog {gateway['tokens'][0]} has its token in it, which is not used here"
        raise UsageError(reason, f"put the token into the environment, as {TOKENS[0]}")
    return name, gateway


def _named(gateway: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield from cast("dict[str, str]", gateway["catalogs"]).items()


def _cwd(tree: Tree, folder: Path, paths: list[str | None]) -> Path:
    """The folder that SQLMesh is started in: the one from which the configured relative paths lead to files."""
    relative = [path for path in paths if path and not path.startswith(MD) and not Path(path).is_absolute()]
    places = list(dict.fromkeys([folder, *(one for one in folder.parents if one.is_relative_to(tree.root))]))
    return next((place for place in places if relative and all((place / path).exists() for path in relative)), folder)


def _below(tree: Tree, cwd: Path, path: str) -> str:
    whole = (cwd / path).resolve()
    if not whole.is_relative_to(tree.root):
        raise UsageError(f"{whole} is outside of {tree.root}", "give --dir a folder that holds the whole stack")
    return str(whole)


def _project_facts(
    tree: Tree,
    folders: list[Path],
    cwd: Path,
    gateway: str,
    told: Mapping[str, Any],
    state: Path | None,
    models: int,
) -> Iterator[Fact]:
    folder, others = folders[0], folders[1:]
    question = f"is it this one, or {' or '.join(tree.told(one) for one in others)}?" if others else ""
    yield Fact(("sqlmesh", "project"), tree.told(folder), f"its configuration is there, with {models} models", question)
    if cwd != folder:
        yield Fact(("sqlmesh", "cwd"), tree.told(cwd), "relative paths of its configuration lead to files from there")
    yield Fact(("sqlmesh", "gateway"), gateway, "the default gateway")
    if told["environment"] != "prod":
        yield Fact(("sqlmesh", "environment"), told["environment"], "the default environment of its configuration")
    if state is not None:
        yield Fact(("sqlmesh", "state"), tree.told(state), "the gateway's state_connection")


def _database_facts(tree: Tree, catalogs: Mapping[str, str], gateway: str) -> Iterator[Fact]:
    remote = any(where.startswith(MD) for where in catalogs.values())
    if remote:
        yield Fact(("backend",), MOTHERDUCK, f"the gateway {gateway} attaches {MD} databases")
    for name, where in catalogs.items():
        if where.startswith(MD):
            yield Fact(("databases", name), f"data/{name}.duckdb", f"{where}; the file is for {LOCAL} use")
        else:
            yield Fact(("databases", name), tree.told(Path(where)), f"the gateway {gateway} attaches it")
