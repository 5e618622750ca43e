"""Rules about SQL inside of checks."""

from __future__ import annotations

from collections.abc import Iterator

from ops_tasks.contracts.findings import WARNING
from ops_tasks.contracts.match import Change
from ops_tasks.contracts.rules.registry import Hit, rule
from ops_tasks.contracts.sqltext import same


@rule("SQL_CHANGED", WARNING)
def sql_changed(change: Change) -> Iterator[Hit]:
    """The SQL of a check says something else: whether more or less passes, a person has to read."""
    for old, new in change.checks:
        for key in sorted(old.sql.keys() | new.sql.keys()):
            if not same(old.sql.get(key, ""), new.sql.get(key, "")):
                yield Hit(f"the {key} of the {new.title} is another one", new.place, new.column)
