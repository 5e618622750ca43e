"""SQL in contracts: the same when its syntax tree is, whatever its layout, letter case and comments."""

from __future__ import annotations

from functools import cache
from typing import Any


def same(old: str, new: str) -> bool:
    """Whether two expressions or queries say the same; texts that do not parse are compared word by word."""
    if old == new or _words(old) == _words(new):
        return True
    before, after = tree(old), tree(new)
    return before is not None and after is not None and before == after


def _words(text: str) -> str:
    return " ".join(text.split())


@cache
def tree(text: str) -> object:
    """The syntax tree as DuckDB sees it: letter case and quotes of names make no difference there."""
    import logging

    from sqlglot import exp, parse_one
    from sqlglot.errors import SqlglotError

    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)
    try:
        parsed = parse_one(text, dialect="duckdb").unnest()
    except (SqlglotError, RecursionError):
        return None

    def plain(node: Any) -> Any:
        return exp.to_identifier(node.name.lower(), quoted=False) if isinstance(node, exp.Identifier) else node

    return parsed.transform(plain)
