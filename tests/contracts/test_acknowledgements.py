"""What an acknowledgement accepts, what it does not, and what is said of it."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops_tasks.contracts.acknowledgements import Ack, apply, from_body, from_file
from ops_tasks.contracts.findings import ADDITIVE, BREAKING, WARNING, Finding
from ops_tasks.contracts.source import parse
from ops_tasks.errors import UsageError

KNOWN = {
    "COLUMN_REMOVED": BREAKING,
    "TYPE_CHANGED": BREAKING,
    "CHECK_REMOVED": BREAKING,
    "SQL_CHANGED": WARNING,
    "COLUMN_ADDED": ADDITIVE,
    "ACK_UNUSED": WARNING,
}
BIRDS = "db/main/birds"
TODAY = date(2026, 5, 17)
BODY = "body"


def found(rule: str = "COLUMN_REMOVED", dataset: str = BIRDS, column: str | None = "id") -> Finding:
    return Finding(rule, KNOWN[rule], dataset, column, "contracts/birds.yml", 7, 3, "something")


def ack(rule: str | None = "COLUMN_REMOVED", **values: object) -> Ack:
    plain = Ack(BIRDS, rule, None, "agreed", "acks.yml", 1, 3, TODAY)
    return Ack(**{**vars(plain), **values})  # pyright: ignore[reportArgumentType]


def line(rule: str | None = "COLUMN_REMOVED", **values: object) -> Ack:
    return ack(rule, **{"expires": None, "file": BODY, **values})


def told(findings: list[Finding]) -> list[str]:
    return [one.rule for one in findings if one.rule.startswith("ACK_")]


ONE = [(BIRDS, "COLUMN_REMOVED", "agreed")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("accept-breaking-change: db/main/birds COLUMN_REMOVED -- agreed", ONE, id="plain"),
        pytest.param("Accept-Breaking-CHANGE: db/main/birds COLUMN_REMOVED -- agreed", ONE, id="case"),
        pytest.param("accept-breaking-change:db/main/birds COLUMN_REMOVED -- agreed", ONE, id="no space"),
        pytest.param("accept-breaking-change : db/main/birds  COLUMN_REMOVED   --   agreed  ", ONE, id="spaces"),
        pytest.param("accept-breaking-change: db/main/birds COLUMN_REMOVED — agreed", ONE, id="em dash"),
        pytest.param("accept-breaking-change: db/main/birds COLUMN_REMOVED —agreed", ONE, id="em dash, glued"),
        pytest.param("accept-breaking-change: db/main/birds COLUMN_REMOVED – agreed", ONE, id="en dash"),
        pytest.param("accept-breaking-change: db/main/birds COLUMN_REMOVED --- agreed", ONE, id="three hyphens"),
        pytest.param("accept-breaking-change: db/main/birds COLUMN_REMOVED - agreed", ONE, id="one hyphen"),
        pytest.param("- accept-breaking-change: db/main/birds COLUMN_REMOVED -- agreed", ONE, id="list -"),
        pytest.param("* accept-breaking-change: db/main/birds COLUMN_REMOVED -- agreed", ONE, id="list *"),
        pytest.param("  + accept-breaking-change: db/main/birds COLUMN_REMOVED -- agreed", ONE, id="list +"),
        pytest.param("> accept-breaking-change: db/main/birds COLUMN_REMOVED -- agreed", ONE, id="quote"),
        pytest.param(">accept-breaking-change: db/main/birds COLUMN_REMOVED -- agreed", ONE, id="quote, glued"),
        pytest.param("> - accept-breaking-change: db/main/birds COLUMN_REMOVED -- agreed", ONE, id="list in quote"),
        pytest.param("`accept-breaking-change: db/main/birds COLUMN_REMOVED -- agreed`", ONE, id="code"),
        pytest.param("- ``accept-breaking-change: db/main/birds COLUMN_REMOVED -- agreed``", ONE, id="code in list"),
        pytest.param("`accept-breaking-change: db/main/birds COLUMN_REMOVED` -- agreed", ONE, id="half in code"),
        pytest.param("accept-breaking-change: `db/main/birds` `COLUMN_REMOVED` -- agreed", ONE, id="words in code"),
        pytest.param(
            "accept-breaking-change: db/main/birds COLUMN_REMOVED -- see `x` -- and y",
            [(BIRDS, "COLUMN_REMOVED", "see `x` -- and y")],
            id="code and dashes in the reason",
        ),
        pytest.param("\ufeffaccept-breaking-change: db/main/birds COLUMN_REMOVED -- agreed", ONE, id="BOM"),
        pytest.param(
            "Hello\r\naccept-breaking-change: db/main/birds COLUMN_REMOVED -- agreed\r\nBye\r\n", ONE, id="CRLF"
        ),
        pytest.param(
            "accept-breaking-change: db/main/birds COLUMN_REMOVED, TYPE_CHANGED TYPE_CHANGED -- agreed",
            [(BIRDS, "COLUMN_REMOVED", "agreed"), (BIRDS, "TYPE_CHANGED", "agreed")],
            id="several rules, one twice",
        ),
        pytest.param("accept-breaking-change: db/main/birds -- agreed", [(BIRDS, None, "agreed")], id="no rule"),
        pytest.param("accept-breaking-change: db/main/birds * -- agreed", [(BIRDS, None, "agreed")], id="any rule"),
        pytest.param(
            "accept-breaking-change: db-1/a.b-c/bïrds-- COLUMN_REMOVED -- agreed",
            [("db-1/a.b-c/bïrds--", "COLUMN_REMOVED", "agreed")],
            id="odd dataset",
        ),
        pytest.param(
            "accept-breaking-change: db/main/birds COLUMN_REMOVED",
            [(BIRDS, "COLUMN_REMOVED", "")],
            id="no reason",
        ),
        pytest.param(
            "accept-breaking-change: db/main/birds COLUMN_REMOVED --",
            [(BIRDS, "COLUMN_REMOVED", "")],
            id="empty reason",
        ),
        pytest.param(
            "accept-breaking-change: db/main/birds COLUMN_REMOVED -- <!-- hidden -->",
            [(BIRDS, "COLUMN_REMOVED", "")],
            id="reason in a comment",
        ),
        pytest.param("accept-breaking-change:", [("", None, "")], id="nothing"),
        pytest.param("accept-breaking-change: -- agreed", [("", None, "agreed")], id="no dataset"),
        pytest.param(
            "<!-- note --> accept-breaking-change: db/main/birds COLUMN_REMOVED -- agreed", ONE, id="behind a comment"
        ),
        pytest.param(
            "see `<!--`\naccept-breaking-change: db/main/birds COLUMN_REMOVED -- agreed", ONE, id="comment in code"
        ),
        pytest.param(
            "```\nx\n```\naccept-breaking-change: db/main/birds COLUMN_REMOVED -- agreed", ONE, id="behind a fence"
        ),
        pytest.param(
            "> ```\n> x\naccept-breaking-change: db/main/birds COLUMN_REMOVED -- agreed", ONE, id="quote ends a fence"
        ),
        pytest.param(
            "- ```\n  x\n  ```\n- accept-breaking-change: db/main/birds COLUMN_REMOVED -- agreed",
            ONE,
            id="behind a fence in a list",
        ),
        pytest.param(
            "<!--\n```\n-->\naccept-breaking-change: db/main/birds COLUMN_REMOVED -- agreed",
            ONE,
            id="a fence in a comment opens nothing",
        ),
        pytest.param(
            "```not a fence```\naccept-breaking-change: db/main/birds COLUMN_REMOVED -- agreed", ONE, id="inline code"
        ),
    ],
)
def test_lines_that_count(text: str, expected: list[tuple[str, str | None, str]]) -> None:
    acks = from_body(text, KNOWN, BODY)
    assert [(one.dataset, one.rule, one.reason) for one in acks] == expected


HIDDEN = "accept-breaking-change: db/main/birds COLUMN_REMOVED -- agreed"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("we could say accept-breaking-change: a -- b", id="in the middle"),
        pytest.param("accept-breaking-changes: a -- b", id="another word"),
        pytest.param(f"<!-- {HIDDEN} -->", id="comment"),
        pytest.param(f"<!--\n{HIDDEN}\n-->", id="comment over lines"),
        pytest.param(f"<!--\r\n{HIDDEN}\r\n-->", id="comment, CRLF"),
        pytest.param(f"text <!-- a\n`-->` <!-- b\n{HIDDEN}\n-->", id="code does not close into the open"),
        pytest.param(f"<!--\n{HIDDEN}", id="comment without an end"),
        pytest.param(f"```\n{HIDDEN}\n```", id="fence"),
        pytest.param(f"```yaml title=x\n{HIDDEN}\n```", id="fence with a language"),
        pytest.param(f"~~~\n{HIDDEN}\n~~~", id="tildes"),
        pytest.param(f"````\n```\n{HIDDEN}\n```\n````", id="fence in a fence"),
        pytest.param(f"```\n~~~\n{HIDDEN}\n```", id="other marks do not close"),
        pytest.param(f"```\n``` x\n{HIDDEN}\n```", id="words do not close"),
        pytest.param(f"```\n> ```\n{HIDDEN}\n```", id="a quote does not close"),
        pytest.param(f"```\n- ```\n{HIDDEN}\n```", id="a list item does not close"),
        pytest.param(f"```\n    ```\n{HIDDEN}\n```", id="deep marks do not close"),
        pytest.param(f"```\n<!--\n```\n<!--\n{HIDDEN}\n-->", id="a comment in a fence is none"),
        pytest.param(f"<!--\n```\n-->\n```\n{HIDDEN}\n```", id="a fence in a comment is none"),
        pytest.param(f"- ```\n  {HIDDEN}\n  ```", id="fence in a list"),
        pytest.param(f"> ```\n> {HIDDEN}\n> ```", id="fence in a quote"),
        pytest.param(f"```\n{HIDDEN}", id="fence without an end"),
    ],
)
def test_lines_that_do_not_count(text: str) -> None:
    assert from_body(text, KNOWN, BODY) == []


def test_a_line_knows_its_place() -> None:
    acks = from_body(f"one\r\ntwo\x0b\u2028\r\n > - {HIDDEN}\n{HIDDEN}", KNOWN, BODY)
    assert [(one.file, one.line, one.offset) for one in acks] == [(BODY, 3, 6), (BODY, 4, 1)]
    assert not any(one.committed for one in acks)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(
            "COLUMN_REMOVD", r"^body:2: there is no rule 'COLUMN_REMOVD' \(did you mean 'COLUMN_REMOVED'", id="typo"
        ),
        pytest.param("column_removed", r"did you mean 'COLUMN_REMOVED'", id="case"),
        pytest.param("COLUMN_REMOVED we agreed", r"no rule 'we' .*a reason begins with ' -- '", id="no dash"),
        pytest.param("name/x COLUMN_REMOVED", r"no rule 'name/x' .*a dataset has no spaces here", id="a space"),
    ],
)
def test_a_rule_that_does_not_exist(words: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        from_body(f"\naccept-breaking-change: {BIRDS} {words} -- reason", KNOWN, BODY)


def test_a_committed_file() -> None:
    text = """\
    # what the team agreed on
    - dataset: db/main/birds
      rule: COLUMN_REMOVED
      column: id
      reason: nobody reads it
      expires: 2026-06-01
    - {dataset: db/main/birds, rule: '*', expires: '2026-06-02'}
    """
    assert from_file(parse("acks.yml", dedent(text).encode()), KNOWN) == [
        Ack(BIRDS, "COLUMN_REMOVED", "id", "nobody reads it", "acks.yml", 2, 3, date(2026, 6, 1)),
        Ack(BIRDS, None, None, "", "acks.yml", 7, 3, date(2026, 6, 2)),
    ]


@pytest.mark.parametrize("text", ["", "# nothing any more\n", "[]\n"])
def test_an_empty_file(text: str) -> None:
    assert from_file(parse("acks.yml", text.encode()), KNOWN) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("dataset: a", r"^acks.yml:1: the acknowledgements are no list", id="mapping"),
        pytest.param("text", r"^acks.yml:1: the acknowledgements are no list", id="text"),
        pytest.param("- a\n", r"^acks.yml:1: entry 1 is no mapping", id="no mapping"),
        pytest.param(
            "\n- dataset: a\n  ruel: b\n",
            r"^acks.yml:3: entry 1 has an unknown key 'ruel' \(did you mean 'rule'",
            id="unknown key",
        ),
        pytest.param("- rule: TYPE_CHANGED\n", r"^acks.yml:1: entry 1 has no dataset", id="no dataset"),
        pytest.param("- dataset: ''\n", r"^acks.yml:1: entry 1 has no dataset", id="empty dataset"),
        pytest.param("- dataset: 7\n", r"^acks.yml:1: entry 1 has a dataset that is no text", id="dataset is a number"),
        pytest.param("- dataset: a\n", r"^acks.yml:1: entry 1 has no rule", id="no rule"),
        pytest.param("- dataset: a\n  rule:\n", r"^acks.yml:2: entry 1 has no rule", id="empty rule"),
        pytest.param(
            "- dataset: a\n  rule: [TYPE_CHANGED]\n",
            r"^acks.yml:2: .*rule that is no text \(write exactly one",
            id="list of rules",
        ),
        pytest.param(
            "- dataset: a\n  rule: TYPE_CHANGE\n",
            r"^acks.yml:2: there is no rule 'TYPE_CHANGE' \(did you mean 'TYPE_CHANGED'",
            id="unknown rule",
        ),
        pytest.param("- dataset: a\n  rule: TYPE_CHANGED\n", r"^acks.yml:1: entry 1 has no expires", id="no expires"),
        pytest.param("- {dataset: a, rule: TYPE_CHANGED, column: }\n", r"has no column", id="empty column"),
        pytest.param(
            "- {dataset: a, rule: TYPE_CHANGED, column: 1}\n", r"column that is no text", id="column is a number"
        ),
        pytest.param(
            "- {dataset: a, rule: TYPE_CHANGED, reason: [x]}\n", r"reason that is no text", id="reason is a list"
        ),
        pytest.param(
            "- {dataset: a, rule: TYPE_CHANGED, expires: soon}\n", r"an expires that is no day: soon", id="no day"
        ),
        pytest.param(
            "- {dataset: a, rule: TYPE_CHANGED, expires: 20260101}\n", r"an expires that is no day", id="a number"
        ),
        pytest.param(
            "- {dataset: a, rule: TYPE_CHANGED, expires: '20260101'}\n", r"an expires that is no day", id="digits"
        ),
        pytest.param(
            "- {dataset: a, rule: TYPE_CHANGED, expires: '2026-02-30'}\n",
            r"an expires that is no day",
            id="no such day",
        ),
        pytest.param(
            "- {dataset: a, rule: TYPE_CHANGED, expires: 2026-01-01T00:00:00Z}\n",
            r"an expires that is no day",
            id="a time",
        ),
        pytest.param(
            "- {dataset: a, rule: TYPE_CHANGED, expires: }\n", r"has no expires .*YYYY-MM-DD", id="empty expires"
        ),
    ],
)
def test_a_file_of_another_shape(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as error:
        from_file(parse("acks.yml", text.encode()), KNOWN)
    assert error.value.exit_code == 2


@pytest.mark.parametrize(
    ("given_ack", "finding", "accepted", "said"),
    [
        pytest.param(ack(), found(), True, [], id="exact"),
        pytest.param(ack(column="id"), found(), True, [], id="its column"),
        pytest.param(ack(column="name"), found(), False, ["ACK_UNUSED"], id="another column"),
        pytest.param(ack(column="id"), found(column=None), False, ["ACK_UNUSED"], id="a column for the dataset itself"),
        pytest.param(ack("TYPE_CHANGED"), found(), False, ["ACK_UNUSED"], id="another rule"),
        pytest.param(ack(dataset="db/main/bird"), found(), False, ["ACK_UNUSED"], id="another dataset"),
        pytest.param(ack(dataset="DB/main/birds"), found(), False, ["ACK_UNUSED"], id="a dataset's case"),
        pytest.param(ack(reason=""), found(), False, ["ACK_UNUSED"], id="no reason"),
        pytest.param(ack(reason=" ... "), found(), False, ["ACK_UNUSED"], id="no word"),
        pytest.param(line(reason="<reason>"), found(), False, ["ACK_UNUSED"], id="the placeholder"),
        pytest.param(line(dataset=""), found(dataset=""), False, ["ACK_UNUSED"], id="no dataset"),
        pytest.param(ack(expires=TODAY), found(), True, [], id="the last day"),
        pytest.param(ack(expires=TODAY - timedelta(1)), found(), False, ["ACK_EXPIRED"], id="the day after"),
        pytest.param(
            ack("TYPE_CHANGED", expires=TODAY - timedelta(1)), found(), False, ["ACK_EXPIRED"], id="expired, unused"
        ),
        pytest.param(ack(expires=date(2027, 5, 17)), found(), True, [], id="a year"),
        pytest.param(ack(expires=date(2027, 5, 19)), found(), True, ["ACK_BROAD"], id="more than a year"),
        pytest.param(ack(expires=date.max), found(), True, ["ACK_BROAD"], id="forever"),
        pytest.param(ack(None), found(), True, ["ACK_BROAD"], id="every rule"),
        pytest.param(line(None), found(), True, ["ACK_BROAD"], id="every rule, line"),
        pytest.param(ack(None, expires=date.max), found(), True, ["ACK_BROAD", "ACK_BROAD"], id="every rule, forever"),
        pytest.param(line(None), found("SQL_CHANGED"), False, ["ACK_UNUSED"], id="every rule is no warning"),
        pytest.param(line("SQL_CHANGED"), found("SQL_CHANGED"), True, [], id="a warning"),
        pytest.param(line("COLUMN_ADDED"), found("COLUMN_ADDED"), True, [], id="an addition"),
        pytest.param(ack(dataset="*"), found(), False, ["ACK_BROAD"], id="every dataset"),
        pytest.param(ack(None, dataset="*"), found(), False, ["ACK_BROAD"], id="everything"),
        pytest.param(ack(None, dataset="*", reason=""), found(), False, ["ACK_UNUSED"], id="everything, no reason"),
    ],
)
def test_what_is_accepted(given_ack: Ack, finding: Finding, accepted: bool, said: list[str]) -> None:
    after = apply([finding], [given_ack], TODAY)
    assert after[0].acknowledged is accepted
    assert after[0].reason == (given_ack.reason if accepted else "")
    assert told(after) == said
    for one in after[1:]:
        assert (one.severity, one.file, one.line, one.offset) == (WARNING, given_ack.file, 1, 3)
        assert not one.refuses


def test_nothing_to_accept() -> None:
    assert apply([], [], TODAY) == []
    assert told(apply([], [ack(), line(), ack(None)], TODAY)) == ["ACK_UNUSED"] * 3


def test_the_same_twice_and_several_for_one() -> None:
    after = apply([found()], [line(), line(), ack(column="id", reason="exact"), line(None, reason="all")], TODAY)
    assert (after[0].acknowledged, after[0].reason) == (True, "exact")
    assert told(after) == ["ACK_BROAD"]


def test_one_for_several() -> None:
    after = apply([found(column="id"), found(column="name"), found("TYPE_CHANGED")], [line()], TODAY)
    assert [one.acknowledged for one in after] == [True, True, False]


def test_findings_keep_their_order_and_their_values() -> None:
    findings = [found("TYPE_CHANGED"), found()]
    assert apply(findings, [], TODAY) == findings


MANY = [found("TYPE_CHANGED"), found(column="b"), found("SQL_CHANGED"), found(), found(dataset="db/main/owls")]


@pytest.mark.parametrize(
    ("given_ack", "said"),
    [
        pytest.param(
            line(None),
            f"'accept-breaking-change: {BIRDS} COLUMN_REMOVED TYPE_CHANGED -- agreed'",
            id="line without a rule",
        ),
        pytest.param(
            line(None, dataset="*"),
            f"'accept-breaking-change: {BIRDS} COLUMN_REMOVED TYPE_CHANGED -- agreed'; "
            "'accept-breaking-change: db/main/owls COLUMN_REMOVED -- agreed'",
            id="line for everything",
        ),
        pytest.param(
            ack(None),
            f"'dataset: {BIRDS}, rule: COLUMN_REMOVED'; 'dataset: {BIRDS}, rule: TYPE_CHANGED'",
            id="entry for every rule",
        ),
        pytest.param(ack(None, column="b"), f"'dataset: {BIRDS}, rule: COLUMN_REMOVED, column: b'", id="of a column"),
        pytest.param(
            ack("CHECK_REMOVED", dataset="*"), "does not count; name the dataset and the rule", id="nothing to name"
        ),
        pytest.param(
            line("CHECK_REMOVED"),
            "what refuses there is COLUMN_REMOVED (b), COLUMN_REMOVED (id), TYPE_CHANGED (id)",
            id="another rule",
        ),
        pytest.param(line(dataset="db/main/bird"), "did you mean 'db/main/birds'?", id="another dataset"),
        pytest.param(ack("CHECK_REMOVED"), "landed, or was taken back: delete the entry", id="landed"),
        pytest.param(ack(reason=""), "has no reason; write one as 'reason:'", id="entry without a reason"),
        pytest.param(line(reason=""), "has no reason; write one behind ' -- '", id="line without a reason"),
        pytest.param(ack(expires=date(2026, 5, 1)), "until 2026-05-01, and is still needed", id="expired"),
        pytest.param(
            ack("CHECK_REMOVED", expires=date(2026, 5, 1)), "not needed: delete the entry", id="expired, landed"
        ),
        pytest.param(ack(expires=date(2030, 1, 1)), "until 2030-01-01, more than a year", id="too far"),
    ],
)
def test_the_way_out_is_told(given_ack: Ack, said: str) -> None:
    assert said in "\n".join(one.message for one in apply(MANY, [given_ack], TODAY) if one.rule.startswith("ACK_"))


def test_the_narrower_line_is_exact() -> None:
    told_line = apply(MANY, [line(None)], TODAY)[-1].message.partition("write instead: ")[2].strip("'")
    after = apply(MANY, from_body(told_line, KNOWN, BODY), TODAY)
    assert told(after) == []
    assert [one.acknowledged for one in after] == [True, True, False, True, False]


def test_the_line_of_a_finding_accepts_it_once_it_has_a_reason() -> None:
    finding = found()
    pasted = apply([finding], from_body(finding.ack, KNOWN, BODY), TODAY)
    assert (pasted[0].refuses, told(pasted)) == (True, ["ACK_UNUSED"])
    written = apply([finding], from_body(finding.ack.replace("<reason>", "agreed"), KNOWN, BODY), TODAY)
    assert (written[0].refuses, told(written)) == (False, [])


NAMES = st.text(st.characters(exclude_categories=["Zs", "Zl", "Zp", "Cc", "Cs"], exclude_characters="`*<>"), min_size=1)


@settings(max_examples=60, deadline=None)
@given(name=NAMES.filter(lambda name: name.strip("-‒–—―") == name and name.split() == [name]), reason=NAMES)
def test_any_dataset_without_a_space(name: str, reason: str) -> None:
    acks = from_body(f"accept-breaking-change: {name} COLUMN_REMOVED -- {reason}", KNOWN, BODY)
    assert [(one.dataset, one.rule, one.reason) for one in acks] == [(name, "COLUMN_REMOVED", reason)]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from([HIDDEN, "```", "~~~", "<!--", "-->", "`", "> ", "- ", "\n", "\r\n", "   ", "x"])))
def test_any_text_is_read(parts: list[str]) -> None:
    text = "".join(parts)
    try:
        acks = from_body(text, KNOWN, BODY)
    except UsageError:
        return
    assert len(acks) <= text.count(HIDDEN)


def test_long_runs_of_marks_are_read_quickly() -> None:
    text = " ".join("`" * (1 + number % 300) for number in range(450)) + "<!-- ``" * 4000 + "`" * 60_000
    assert from_body(f"{text}\n- {text}\n{HIDDEN}", KNOWN, BODY) == []


WINGSPAN = found(column="wingspan")


@pytest.mark.parametrize(
    ("page", "given_ack"),
    [
        pytest.param("ACK_BROAD", line(None, reason="agreed with Ann"), id="ACK_BROAD"),
        pytest.param("ACK_UNUSED", line("TYPE_CHANGED", reason="agreed with Ann"), id="ACK_UNUSED"),
        pytest.param("ACK_EXPIRED", ack(dataset=BIRDS, column="wingspan", expires=date(2026, 9, 30)), id="ACK_EXPIRED"),
    ],
)
def test_the_pages_quote_what_is_said(page: str, given_ack: Ack) -> None:
    there = [] if page == "ACK_EXPIRED" else [WINGSPAN]
    said = apply(there, [given_ack], date(2026, 10, 1))[-1]
    written = (Path(__file__).parents[2] / "docs" / "rules" / f"{page}.md").read_text(encoding="utf-8")
    assert said.rule == page
    assert f"`{said.message}`" in written
    assert written.startswith(f"# {page}\n\nSeverity: {said.severity}.\n")
