"""Which contract file speaks of which dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from ops_tasks.errors import UsageError


def find(folder: Path) -> dict[tuple[str, str], Path]:
    """Return (schema, table) -> contract file, by the last two parts of each file's `dataset:`.

    Raises `UsageError` for a folder that is not there; a file that is not YAML is left to whoever verifies it.
    """
    if not folder.is_dir():
        raise UsageError(f"the contracts folder {folder} does not exist")
    found: dict[tuple[str, str], Path] = {}
    for file in sorted([*folder.rglob("*.yml"), *folder.rglob("*.yaml")]):
        parts = _dataset(file).split("/")
        if len(parts) >= 2:
            found[parts[-2], parts[-1]] = file
    return found


def _dataset(file: Path) -> str:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    yaml: Any = YAML(typ="safe")
    try:
        parsed: object = yaml.load(file.read_text(encoding="utf-8"))
    except YAMLError:
        return ""
    return str(cast("dict[str, Any]", parsed).get("dataset", "")) if isinstance(parsed, dict) else ""
