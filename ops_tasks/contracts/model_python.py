"""A Python model of SQLMesh, read from its `@model(...)` without running it."""

from __future__ import annotations

import ast

from ops_tasks.contracts.models import MANAGED, Columns, Model, Unnamed, named


def read(text: str, file: str, inferred: str = "") -> list[Model | Unnamed]:
    """The models of one file; what its decorators do not say as plain values cannot be told."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError) as error:
        return [Unnamed(file, f"it is not Python: {error}")]
    found: list[Model | Unnamed] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found += [one for call in node.decorator_list if (one := _model(call, file, inferred))]
    return found


def _model(node: ast.expr, file: str, inferred: str) -> Model | Unnamed | None:
    if not isinstance(node, ast.Call) or _word(node.func) != "model":
        return None
    said = {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}
    given = node.args[0] if node.args else said.get("name")
    name = inferred if given is None else _literal(given)
    if not isinstance(name, str) or not name or "@" in name or "blueprints" in said:
        return Unnamed(file, "its name is not written in its @model(...)")
    if _literal(said.get("enabled")) is False:
        return None
    kind = _kind(said["kind"]) if "kind" in said else "FULL"
    columns = _columns(said.get("columns"), kind, said.get("kind"))
    return Model(*named(name), kind, file, node.lineno, lambda: columns, _tags(said.get("tags")))


def _tags(node: ast.expr | None) -> frozenset[str]:
    inner = node.elts if isinstance(node, ast.List | ast.Tuple) else [node]
    return frozenset(tag for one in inner if isinstance(tag := _literal(one), str))


def _columns(node: ast.expr | None, kind: str, said: ast.expr | None) -> Columns:
    if not isinstance(node, ast.Dict):
        return Columns(None, "a Python model without written columns: give --load")
    types: dict[str, str] = {}
    for key, value in zip(node.keys, node.values, strict=True):
        name = _literal(key)
        if not isinstance(name, str):
            return Columns(None, "a Python model that computes its columns: give --load")
        types[name] = str(_literal(value) or "")
    if kind in MANAGED:
        for key in ("valid_from_name", "valid_to_name"):
            types.setdefault(str(_part(said, key) or key[:-5]), "TIMESTAMP")
    return Columns(tuple(types), "", {name.lower(): kind for name, kind in types.items()})


def _kind(node: ast.expr | None) -> str:
    """`"full"`, `ModelKindName.FULL`, `{"name": ...}` or `dict(name=...)`; empty where it is none of these."""
    inner = node if not isinstance(node, ast.Dict | ast.Call) else None
    if isinstance(node, ast.Dict):
        inner = next(
            (value for key, value in zip(node.keys, node.values, strict=True) if _literal(key) == "name"), None
        )
    elif isinstance(node, ast.Call):
        inner = next((keyword.value for keyword in node.keywords if keyword.arg == "name"), None)
    if isinstance(inner, ast.Attribute):
        return inner.attr.upper()
    said = _literal(inner)
    return said.split("(")[0].strip().upper() if isinstance(said, str) else ""


def _part(node: ast.expr | None, wanted: str) -> object:
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return next((_literal(value) for key, value in pairs if _literal(key) == wanted), None)
    if isinstance(node, ast.Call):
        return next((_literal(keyword.value) for keyword in node.keywords if keyword.arg == wanted), None)
    return None


def _literal(node: ast.expr | None) -> object:
    if node is None:
        return None
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError):
        return None


def _word(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
