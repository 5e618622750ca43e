"""Which dataset a contract is of, also where the file is no longer YAML: its check has to exist to be able to fail."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

from ops_tasks.errors import UsageError

# A plain `dataset:` of the top level. Reading a whole file as YAML takes fifty times as long.
LINE = re.compile(r"""^(?:dataset|"dataset"|'dataset')[ \t]*:[ \t]+(["']?)(?P<name>[^\s"'#]+)\1[ \t]*(?:#.*)?$""", re.M)


def dataset_of(file: Path) -> str:
    """What a contract's `dataset:` says, else the last two parts of its path (`schema/table.yml`).

    Raises `UsageError` for a file that cannot be read.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        text = ""
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror or error}") from None
    if len(found := [match["name"] for match in LINE.finditer(text)]) == 1:
        return found[0]
    return _parsed(text) or "/".join(file.with_suffix("").parts[-2:])


def _parsed(text: str) -> str:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        yaml: Any = YAML(typ="safe")
        loaded: object = yaml.load(text)
    except YAMLError:
        return ""
    return str(cast("dict[str, object]", loaded).get("dataset") or "") if isinstance(loaded, dict) else ""
