"""A SQL model of SQLMesh, read by sqlglot's tokens: its `MODEL (...)` block and the columns its query selects.

What cannot be told for certain is not guessed: `*`, macro calls, Jinja, and anything that has no name of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ops_tasks.contracts.models import MANAGED, Columns, Model, Unnamed, named

_OPEN, _CLOSE = {"(", "[", "{"}, {")", "]", "}"}
_SETS = {"UNION", "EXCEPT", "INTERSECT"}
_LOAD = "give --load"


def read(text: str, file: str, inferred: str = "") -> list[Model | Unnamed]:
    """The model of one file; `inferred` is its name where the block has none."""
    from sqlglot.errors import TokenError

    try:
        tokens = _tokens(text)
    except TokenError:
        return [Unnamed(file, "it cannot be split into words")]
    if len(tokens) < 2 or tokens[0].text.upper() != "MODEL" or tokens[1].text != "(":
        return [Unnamed(file, "it begins with no MODEL (...)")] if tokens and tokens[0].text.upper() != "AUDIT" else []
    end = _matching(tokens, 1)
    said = {part[0].text.lower(): part[1:] for part in _split(tokens[2:end], ",") if len(part) > 1}
    if _of(text, said.get("enabled", [])).lower() == "false":
        return []
    name = _of(text, said.get("name", [])) or inferred
    if not name or "@" in name or "{" in name or "blueprints" in said:
        return [Unnamed(file, "its name is made by a macro" if name else "it has no name")]
    kind = said["kind"][0].text.upper() if said.get("kind") else ""
    line = said["name"][0].line if said.get("name") else 1
    tags = frozenset(token.text for token in said.get("tags", []) if token.text not in {"(", ")", ",", "[", "]"})

    def decide() -> Columns:
        columns = _declared(text, said["columns"]) if said.get("columns") else _selected(text, tokens[end + 1 :])
        return _managed(columns, kind, said.get("kind", []))

    return [Model(*named(name), kind, file, line, decide, tags)]


def _tokens(text: str) -> list[Any]:
    from sqlglot.dialects.duckdb import DuckDB

    return list(DuckDB().tokenize(text))


def _matching(tokens: Sequence[Any], start: int) -> int:
    """The index of the bracket that closes the one at `start`, or the end."""
    depth = 0
    for index in range(start, len(tokens)):
        word = "" if _quoted(tokens[index]) else tokens[index].text
        depth += (word in _OPEN) - (word in _CLOSE)
        if depth == 0:
            return index
    return len(tokens)


def _split(tokens: Sequence[Any], sign: str) -> list[list[Any]]:
    """Split at a sign outside of every bracket."""
    parts: list[list[Any]] = [[]]
    depth = 0
    for token in tokens:
        if not _quoted(token):
            depth += (token.text in _OPEN) - (token.text in _CLOSE)
        if token.text == sign and depth == 0 and not _quoted(token):
            parts.append([])
        else:
            parts[-1].append(token)
    return [part for part in parts if part]


def _of(text: str, tokens: Sequence[Any]) -> str:
    return text[tokens[0].start : tokens[-1].end + 1] if tokens else ""


def _quoted(token: Any) -> bool:
    return token.token_type.name in ("STRING", "IDENTIFIER")


def _declared(text: str, tokens: Sequence[Any]) -> Columns:
    """`columns (a INT, b TEXT)`: exact."""
    types: dict[str, str] = {}
    for part in _split(tokens[1:-1], ","):
        if part[0].text == "@":
            return Columns(None, f"its columns are made by a macro: {_LOAD}")
        types[part[0].text] = _of(text, part[1:])
    return Columns(tuple(types), "", {name.lower(): kind for name, kind in types.items()})


def _managed(columns: Columns, kind: str, said: Sequence[Any]) -> Columns:
    """With the two columns that SQLMesh adds to a slowly changing dimension."""
    if kind not in MANAGED or columns.names is None:
        return columns
    inner = {part[0].text.lower(): part[1:] for part in _split(said[2:-1], ",")}
    names = [inner[key][0].text if inner.get(key) else key[:-5] for key in ("valid_from_name", "valid_to_name")]
    more = [name for name in names if not columns.has(name)]
    return Columns((*columns.names, *more), "", {**columns.types, **{name.lower(): "TIMESTAMP" for name in more}})


def _selected(text: str, tokens: Sequence[Any]) -> Columns:
    statements = [part for part in _split(tokens, ";") if part]
    starts = [part[0].text.upper() for part in statements]
    if any(start.startswith("JINJA_") for start in starts) or any(sign in text for sign in ("{{", "{%")):
        return Columns(None, f"it is written in Jinja: {_LOAD}")
    after = next((index for index, start in enumerate(starts) if start == "ON_VIRTUAL_UPDATE_BEGIN"), len(starts))
    queries = [part for part in statements[:after] if part[0].text.upper() in ("SELECT", "WITH")]
    if len(queries) != 1:
        return Columns(None, f"its query begins with neither SELECT nor WITH: {_LOAD}")
    return _projected(text, queries[0])


def _projected(text: str, query: Sequence[Any]) -> Columns:
    """The names that the first SELECT outside of every bracket gives; of a UNION that is the one that counts."""
    depth, start, end = 0, None, len(query)
    for index, token in enumerate(query):
        word = "" if _quoted(token) else token.text.upper()
        depth += (word in _OPEN) - (word in _CLOSE)
        if depth:
            continue
        if start is None:
            start = index if word == "SELECT" else None
        elif end == len(query) and word in (*_SETS, "FROM") and query[index - 1].text.upper() not in ("AS", "."):
            end = index
        if word in _SETS and "NAME" in [token.text.upper() for token in query[index + 1 : index + 4]]:
            return Columns(None, f"a UNION BY NAME: {_LOAD}")
    if start is None:
        return Columns(None, f"it has no SELECT outside of brackets: {_LOAD}")
    part = query[start:end]
    for index, token in enumerate(part):
        after = [next_.text for next_ in part[index + 1 : index + 3]]
        # Once SQLMesh is imported, sqlglot's tokens are `a_@`, `{` where they were `a_`, `@`, `{`.
        braced = token.text.endswith("@") and after[:1] == ["{"] and not _quoted(token)
        if braced or (token.text == "@" and after[1:] == ["("]):
            return Columns(None, f"a macro is among its columns: {_LOAD}")
    return _names(_of(text, part))


def _names(select: str) -> Columns:
    from sqlglot import exp, parse_one
    from sqlglot.errors import SqlglotError

    try:
        parsed = parse_one(select, dialect="duckdb")
    except SqlglotError:
        return Columns(None, f"its SELECT cannot be read: {_LOAD}")
    names: list[str] = []
    types: dict[str, str] = {}
    for one in parsed.expressions:
        inner = one.this if isinstance(one, exp.Alias) else one
        many = isinstance(inner, exp.Star | exp.Columns | exp.Explode | exp.Unnest) or one.find(exp.Columns)
        if many or (isinstance(inner, exp.Column) and isinstance(inner.this, exp.Star)):
            return Columns(None, f"it selects {one.sql('duckdb')}: {_LOAD}")
        simple = isinstance(one, exp.Alias | exp.Column) or (
            isinstance(one, exp.Cast) and isinstance(one.this, exp.Column)
        )
        name = one.output_name if simple else ""
        if not name or "@" in name:
            return Columns(None, f"{one.sql('duckdb')} has no name of its own: {_LOAD}")
        names.append(name)
        if isinstance(inner, exp.Cast):
            types[name.lower()] = inner.to.sql("duckdb")
    return Columns(tuple(names), "", types) if names else Columns(None, f"it selects nothing that has a name: {_LOAD}")
