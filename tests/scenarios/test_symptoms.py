"""The verdict: what comes first when several things are wrong, and which incident that is."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops_tasks.scenarios.symptoms import CAUSES, INCIDENTS, Line, Symptom, ranked, verdict


def line(*causes: str) -> Line:
    return Line("probe", "said", tuple(Symptom(cause, "subject", "evidence", "way out") for cause in causes))


def test_silence_of_every_probe_is_health() -> None:
    assert verdict([line(), line()]).words == "healthy"
    assert verdict([line()]).incident is None


@pytest.mark.parametrize(
    ("first", "second"),
    list(itertools.pairwise(("lock", "wal", "bit-rot", "truncation", "version", "missing", "disk-full", "drift"))),
)
def test_the_order_of_causes(first: str, second: str) -> None:
    for lines in ([line(first, second)], [line(second), line(first)]):
        judged = verdict(lines)
        assert judged.first is not None
        assert judged.first.cause == first


@pytest.mark.parametrize("cause", CAUSES)
def test_every_cause_has_a_verdict(cause: str) -> None:
    judged = verdict([line(cause)])
    assert judged.words != "healthy"
    assert judged.incident == INCIDENTS.get(cause)


@given(st.lists(st.sampled_from(CAUSES), max_size=8))
def test_ranking_keeps_everything(causes: list[str]) -> None:
    found = [symptom.cause for symptom in ranked([line(*causes)])]
    assert sorted(found) == sorted(causes)
    assert found == sorted(found, key=CAUSES.index)
