"""The models of a SQLMesh project as SQLMesh itself loads them, in a process of its own.

The project's own code runs in it, as it does whenever SQLMesh loads a project.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ops_tasks.contracts.models import Columns, Model, Project, check
from ops_tasks.errors import UsageError

MARK, FAILED = "MODELS ", "FAILED "
LIMIT = 300


def read(project: Path, told: Callable[[Path], str], gateway: str | None = None) -> Project:
    """Load the project; raises `UsageError` where SQLMesh is not installed or refuses the project."""
    check(project)
    if find_spec("sqlmesh") is None:
        raise UsageError("--load needs SQLMesh, which is not installed", "pip install 'ops-tasks[sqlmesh]'")
    command = [sys.executable, "-P", "-c", SCRIPT, str(project.resolve()), gateway or ""]
    quiet = {"SQLMESH__DISABLE_ANONYMIZED_ANALYTICS": "true"}
    try:
        done = subprocess.run(
            command, cwd=project, env=os.environ | quiet, capture_output=True, text=True, timeout=LIMIT, check=False
        )
    except subprocess.TimeoutExpired:
        raise UsageError(f"SQLMesh did not load {told(project)} within {LIMIT} seconds", "leave out --load") from None
    answer = next((line for line in done.stdout.splitlines() if line.startswith(MARK)), None)
    if done.returncode or answer is None:
        failed = [line.removeprefix(FAILED) for line in done.stdout.splitlines() if line.startswith(FAILED)]
        reason = json.loads(failed[0]) if failed else (done.stderr.strip() or "it said nothing").splitlines()[-1]
        raise UsageError(f"SQLMesh cannot load {told(project)}: {reason}", "mend the project, or leave out --load")
    return Project(tuple(_models(json.loads(answer.removeprefix(MARK)), told)))


def _models(loaded: list[dict[str, Any]], told: Callable[[Path], str]) -> Iterator[Model]:
    for one in loaded:
        types: dict[str, str] | None = one["columns"]
        columns = Columns(None, "SQLMesh itself does not know its columns")
        if types is not None:
            known = {name.lower(): kind for name, kind in types.items() if kind != "UNKNOWN"}
            columns = Columns(tuple(types), "", known)
        file = told(Path(one["file"])) if one["file"] else ""
        name = (one["catalog"], one["schema"], one["table"])
        yield Model(*name, one["kind"], file, 1, lambda columns=columns: columns, frozenset(one["tags"]))


SCRIPT = f"""
import json, sys
from sqlmesh import Context
from sqlmesh.core.console import NoopConsole, set_console

set_console(NoopConsole())
try:
    context = Context(paths=[sys.argv[1]], gateway=sys.argv[2] or None)
except Exception as error:
    print({FAILED!r} + json.dumps(" ".join(str(error).split())[:300] or type(error).__name__))
    raise
told = []
for model in context.models.values():
    types = model.columns_to_types
    names = None if types is None or "*" in types else {{name: kind.sql("duckdb") for name, kind in types.items()}}
    kind = model.kind.name
    told.append({{
        "catalog": model.catalog or "",
        "schema": model.schema_name or "",
        "table": model.view_name,
        "kind": getattr(kind, "value", str(kind)),
        "tags": list(model.tags),
        "file": str(model._path or ""),
        "columns": names,
    }})
print({MARK!r} + json.dumps(told))
sys.stdout.flush()
context.close()
"""
