"""Which column of a raw table says the day of a row."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

# When a row was written or changed, which is not when what it tells happened.
CLOCKS = re.compile(r"created|updated|loaded|inserted|ingested|modified|changed|synced|extracted|fetched", re.I)
DAYLIKE = re.compile(r"(^|_)(date|day|dt|on)($|_)|date$|day$", re.I)
WHOLE = "replace"


@dataclass(frozen=True)
class Told:
    """A column, or None for a table without a day; why; and what is not sure about it."""

    column: str | None
    why: str
    question: str = ""


def day_of(columns: Sequence[Mapping[str, Any]], dlt: Mapping[str, Any], read: Sequence[str], today: date) -> Told:
    """Choose among the `columns` that hold dates; `dlt` is what dlt says of the table, `read` are those models name."""
    if dlt.get("disposition") == WHOLE and not dlt.get("cursor"):
        return Told(None, "dlt replaces it whole")
    if not columns:
        return Told(None, "no column of it holds dates")
    by_name = {str(one["name"]): one for one in columns}
    cursor = str(dlt.get("cursor") or "")
    if cursor in by_name:
        return Told(cursor, f"{cursor} is dlt's cursor, {_kind(by_name[cursor])}")
    used = {name.lower() for name in read}
    reasons = {
        "dates of events, not of their writing": [name for name in by_name if not CLOCKS.search(name)],
        "part of the key": [name for name in by_name if name in dlt.get("keys", [])],
        "read by the models": [name for name in by_name if name.lower() in used],
        "filled in every row": [name for name, one in by_name.items() if one["filled"] >= 1],
        "not ahead of today": [name for name, one in by_name.items() if str(one["newest"] or "") <= str(today)],
        "called so": [name for name in by_name if DAYLIKE.search(name)],
    }
    left, why = list(by_name), list[str]()
    for reason, names in reasons.items():
        kept = [name for name in left if name in names]
        if kept and len(kept) < len(left):
            left, why = kept, [*why, reason]
    chosen = max(left, key=lambda name: int(by_name[name]["days"]))
    told = f"{chosen} is {_kind(by_name[chosen])}"
    if len(by_name) == 1:
        return Told(chosen, f"{told}, the only date")
    others = [name for name in left if name != chosen]
    question = f"is {chosen} the day of a row, or is it {' or '.join(others)}?" if others else ""
    return Told(chosen, ", ".join([told, *why]), question)


def _kind(column: Mapping[str, Any]) -> str:
    return "text that reads as a date" if column["text"] else str(column["type"])
