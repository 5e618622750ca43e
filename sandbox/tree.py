"""Copies of a stack's folder in which nothing depends on the path."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from sandbox.api import server
from sandbox.api import state as states

# What a copy must not have: another stack's server, byte code and caches that name the original's path.
LEFT_OUT = ("__pycache__", ".cache", "logs", server.SERVER, server.LOG)
PIPELINES = Path("data") / "dlt_pipelines"


def copy_tree(source: Path, target: Path) -> None:
    """Copy a stack and make the copy's dlt working state its own."""
    shutil.copytree(source, target, ignore=_left_out, dirs_exist_ok=True)
    rehome(target)


def rehome(folder: Path) -> None:
    """Point dlt's working state at `folder`; its traces and finished packages, which only name other paths, go."""
    for pipeline in sorted((folder / PIPELINES).glob("*/state.json")):
        state = cast("dict[str, Any]", json.loads(pipeline.read_text(encoding="utf-8")))
        local = state["_local"]
        local["initial_cwd"] = str(folder)
        if "last_run_context" in local:
            local["last_run_context"] = {
                "settings_dir": str(folder / ".dlt"),
                "local_dir": str(folder),
                "run_dir": str(folder),
                "uri": folder.as_uri(),
            }
        # dlt leaves `_local` out of the state's version hash, so that this is no new version of it.
        pipeline.write_text(json.dumps(state, separators=(",", ":")), encoding="utf-8")
        (pipeline.parent / "trace.pickle").unlink(missing_ok=True)
        shutil.rmtree(pipeline.parent / "load" / "loaded", ignore_errors=True)
        (pipeline.parent / "load" / "loaded").mkdir()


def _left_out(folder: str, names: Iterable[str]) -> set[str]:
    inside = Path(folder).name == states.FOLDER
    return {name for name in names if name in LEFT_OUT and (inside or name not in (server.SERVER, server.LOG))}
