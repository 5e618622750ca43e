"""The keys of the `ops:` section, as its models have them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from ops_tasks.sections import OpsSection


def has(name: str) -> bool:
    """Whether `ops.watch.keep` or `dagster.off` is a key; what a table or a source is called may be any word."""
    path = name.split(".")
    return _has(OpsSection, path[1:] if path[0] == "ops" else path)


def _has(model: Any, path: list[str]) -> bool:
    if not path:
        return True
    field = model.model_fields.get(path[0])
    if field is None:
        return path == ["word"]
    if len(path) == 1:
        return True
    inner, named = _models(field.annotation), _is_named(field.annotation)
    rest = path[2:] if named else path[1:]
    return any(_has(one, rest) for one in inner)


def _models(annotation: Any) -> Iterator[Any]:
    if hasattr(annotation, "model_fields"):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def _is_named(annotation: Any) -> bool:
    return getattr(annotation, "__origin__", None) is dict
