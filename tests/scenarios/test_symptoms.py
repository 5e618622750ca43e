"""The verdict: what comes first when several things are wrong, and which incident that is."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops_tasks.namespaces.doctor import show_line
from ops_tasks.report.terminal import Terminal
from ops_tasks.scenarios.symptoms import CAUSES, INCIDENTS, Line, Symptom, counted, ranked, verdict


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


@pytest.mark.parametrize(
    ("subject", "evidence", "told"),
    [
        ("raw.x", "7 rows, 9 in nightly", "raw.x: 7 rows, 9 in nightly"),
        ("dagster", "the daemon is dead", "dagster: the daemon is dead"),
        ("ebird.fct", "ebird.fct: audit a found 2 bad rows", "ebird.fct: audit a found 2 bad rows"),
        ("house.duckdb", "house.duckdb is whole", "house.duckdb is whole"),
        ("ebird", "raw_ebird.main.x has 0 rows", "ebird: raw_ebird.main.x has 0 rows"),
    ],
)
def test_a_finding_names_its_object_once(subject: str, evidence: str, told: str) -> None:
    assert Symptom("load", subject, evidence, "").told() == told
    assert Symptom("load", subject, evidence, "").told(subject) == evidence


def test_a_finding_without_a_way_out_has_no_arrow(capsys: pytest.CaptureFixture[str]) -> None:
    show_line(Terminal(), Line("sqlmesh", "it could not run", (Symptom("not run", "sqlmesh", "why", ""),)))
    show_line(Terminal(), Line("losses", "said", (Symptom("bad-write", "raw.x", "7 rows", "mend it"),)))
    assert capsys.readouterr().out.splitlines() == [
        "✗ sqlmesh: it could not run",
        "    not run: why",
        "✗ losses: said",
        "    bad-write: raw.x: 7 rows",
        "    → mend it",
    ]


@pytest.mark.parametrize(("count", "told"), [(0, "0 tables"), (1, "1 table"), (1024, "1,024 tables")])
def test_words_agree_with_their_number(count: int, told: str) -> None:
    assert counted(count, "table") == told


def test_an_open_question_is_not_called_healthy() -> None:
    assert "healthy" not in verdict([line("question")]).words
