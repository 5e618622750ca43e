"""Where the parts of a stack beside SQLMesh are: contracts, Dagster, dlt's working state."""

from __future__ import annotations

import os
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

from ops_tasks.discovery.facts import Fact
from ops_tasks.discovery.tree import Tree, documents, text_of

WORKSPACE = "workspace.yaml"
HOME = "DAGSTER_HOME"
DEFAULT_HOME = ".dagster"


def contracts(tree: Tree) -> Iterator[Fact]:
    """The folder of the Soda contracts, and the data source that most of them name."""
    found: dict[Path, str] = {}
    for file in tree.ending(".yml", ".yaml"):
        if "dataset:" in text_of(file):
            for one in documents(file):
                told = cast("dict[str, Any]", one) if isinstance(one, dict) else {}
                if isinstance(told.get("dataset"), str) and {"columns", "checks"} & set(told):
                    found[file] = str(told["dataset"])
    if not found:
        return
    folder = Path(os.path.commonpath([file.parent for file in found]))
    sources = Counter(name.split("/")[0] for name in found.values())
    (name, count), others = sources.most_common(1)[0], sorted(sources)[1:]
    yield Fact(("contracts", "path"), tree.told(folder), f"{len(found)} Soda contracts are there")
    question = f"the others name {', '.join(others)}" if others else ""
    yield Fact(("contracts", "data_source"), name, f"{count} of {len(found)} datasets begin with it", question)


def dagster(tree: Tree) -> Iterator[Fact]:
    """The code location and DAGSTER_HOME."""
    told = next(iter(_locations(tree)), None)
    if told is None:
        return
    module, why = told
    yield Fact(("dagster", "module"), module, why)
    home, why, question = _home(tree)
    yield Fact(("dagster", "home"), home, why, question)


def dagster_paths(tree: Tree) -> list[Path]:
    """Folders that the code location wants on `sys.path`."""
    found: list[Path] = []
    for file in tree.named(WORKSPACE):
        for entry in _entries(file):
            found.append((file.parent / str(entry.get("working_directory", "."))).resolve())
    return found


def _locations(tree: Tree) -> Iterator[tuple[str, str]]:
    for file in tree.named(WORKSPACE):
        for entry in _entries(file):
            if entry.get("module_name"):
                yield str(entry["module_name"]), f"{tree.told(file)} loads it"
    for file in tree.named("pyproject.toml"):
        try:
            tools = tomllib.loads(text_of(file)).get("tool", {})
        except tomllib.TOMLDecodeError:
            continue
        if module := tools.get("dagster", {}).get("module_name"):
            yield str(module), f"[tool.dagster] of {tree.told(file)}"
        if package := tools.get("dg", {}).get("project", {}).get("root_module"):
            yield f"{package}.definitions", f"[tool.dg.project] of {tree.told(file)}"


def _entries(file: Path) -> Iterator[dict[str, Any]]:
    for one in documents(file):
        loads = cast("dict[str, Any]", one).get("load_from") if isinstance(one, dict) else None
        for entry in cast("list[Any]", loads) if isinstance(loads, list) else []:
            if isinstance(entry, dict):
                told = cast("dict[str, Any]", entry).get("python_module")
                if isinstance(told, str):
                    yield {"module_name": told}
                elif isinstance(told, dict):
                    yield cast("dict[str, Any]", told)


def _home(tree: Tree) -> tuple[str, str, str]:
    """The folder, why, and what is not sure about it."""
    for where, name in (("the environment", os.environ.get(HOME, "")), (".env", _dotenv(tree).get(HOME, ""))):
        path = (tree.root / Path(name).expanduser()).resolve() if name else None
        if path is not None and path.is_relative_to(tree.root):
            return tree.told(path), f"{HOME} of {where}", ""
    if files := tree.named("dagster.yaml"):
        return tree.told(files[0].parent), f"{tree.told(files[0])} is there", ""
    folder = tree.root / DEFAULT_HOME
    question = "" if folder.is_dir() else f"which folder is {HOME}? Nothing in the project says it"
    return DEFAULT_HOME, f"{DEFAULT_HOME} is the usual place", question


def _dotenv(tree: Tree) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in text_of(tree.root / ".env").splitlines():
        name, separator, value = line.strip().removeprefix("export ").partition("=")
        if separator and not name.startswith("#"):
            found[name.strip()] = value.strip().strip("'\"")
    return found


def pipelines(tree: Tree, names: Sequence[str]) -> Iterator[Fact]:
    """The folder of dlt's working state: one folder per pipeline, with `state.json` in it."""
    key = ("dlt", "pipelines_dir")
    wanted = set(names)
    folders = Counter(file.parent.parent for file in tree.named("state.json") if file.parent.name in wanted)
    if folders:
        folder, count = folders.most_common(1)[0]
        others = [tree.told(one) for one in folders if one != folder]
        question = f"also possible: {', '.join(others)}" if others else ""
        yield Fact(key, tree.told(folder), f"dlt's state of {count} pipelines is there", question)
        return
    at_home = Path.home() / ".dlt" / "pipelines"
    outside = [name for name in names if (at_home / name / "state.json").is_file()]
    why = f"dlt keeps {', '.join(outside)} in ~/.dlt/pipelines" if outside else "no working state of dlt is to be found"
    question = "set pipelines_dir in your loaders to a folder of the project: a snapshot has to hold it"
    yield Fact(key, ".dlt/pipelines", why, question)
