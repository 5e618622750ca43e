"""Whatever YAML says, the gate ends with findings and not with a trace."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ops_tasks.contracts.compare import Versions, compare
from ops_tasks.contracts.source import parse

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.floats(allow_nan=False, allow_infinity=False, width=16),
    st.text(max_size=5),
)
KEYS = st.sampled_from(
    [
        *(
            "name",
            "data_type",
            "checks",
            "threshold",
            "must_be",
            "must_be_between",
            "greater_than",
            "less_than",
            "level",
        ),
        *("missing", "invalid", "duplicate", "row_count", "freshness", "schema", "failed_rows", "aggregate", "columns"),
        *(
            "valid_values",
            "valid_min",
            "valid_format",
            "regex",
            "expression",
            "filter",
            "scope",
            "optional",
            "additional",
        ),
        *("character_maximum_length", "numeric_precision", "unit", "metric", "column", "qualifier", "default", "x"),
    ]
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=14
)
TOP = st.sampled_from(["dataset", "columns", "checks", "filter", "variables", "scopes", "description"])
CONTRACTS = st.dictionaries(TOP, VALUES, max_size=5) | VALUES


@settings(max_examples=300, deadline=None, derandomize=True)
@given(CONTRACTS, CONTRACTS)
def test_no_shape_breaks_it(old: Any, new: Any) -> None:
    sources = [parse("c.yml", json.dumps(one).encode()) for one in (old, new)]
    for finding in compare(Versions(sources[:1], sources[1:], {})):
        assert finding.line >= 1
        assert finding.message
