"""Which column is the day of a row."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from ops_tasks.discovery.days import day_of

TODAY = date(2026, 4, 23)


def column(name: str, kind: str = "DATE", **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "type": kind,
        "text": kind == "VARCHAR",
        "days": 30,
        "newest": "2026-04-22",
        "filled": 1.0,
    } | more


@pytest.mark.parametrize(
    ("columns", "dlt", "read", "chosen", "asks"),
    [
        pytest.param([], {}, [], None, False, id="no dates"),
        pytest.param([column("day")], {}, [], "day", False, id="one"),
        pytest.param([column("born")], {"disposition": "replace"}, ["born"], None, False, id="replaced whole"),
        pytest.param([column("a"), column("b")], {"cursor": "b"}, ["a"], "b", False, id="dlt's cursor"),
        pytest.param([column("sold_at"), column("updated_at")], {}, ["sold_at", "updated_at"], "sold_at", False,
                     id="a clock is no event"),
        pytest.param([column("created_at")], {}, [], "created_at", False, id="a clock alone"),
        pytest.param([column("left_at"), column("seen_at")], {}, ["left_at"], "left_at", False, id="what models read"),
        pytest.param([column("a"), column("b")], {"keys": ["b"]}, ["a", "b"], "b", False, id="part of the key"),
        pytest.param([column("a", filled=0.4), column("b")], {}, ["a", "b"], "b", False, id="filled"),
        pytest.param([column("due", newest="2026-05-30"), column("b")], {}, [], "b", False, id="not ahead of today"),
        pytest.param([column("obs_dt"), column("x")], {}, ["obs_dt", "x"], "obs_dt", False, id="called so"),
        pytest.param([column("paid_on", days=20), column("sold_on")], {}, ["paid_on", "sold_on"], "sold_on", True,
                     id="two that are alike"),
    ],
)  # fmt: skip
def test_day(columns: list[Any], dlt: dict[str, Any], read: list[str], chosen: str | None, asks: bool) -> None:
    told = day_of(columns, dlt, read, TODAY)
    assert told.column == chosen
    assert bool(told.question) is asks
    assert told.why
