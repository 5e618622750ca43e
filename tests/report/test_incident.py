"""A report as a page and as Markdown: whole, harmless whatever its names are, and in need of nothing from outside."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from ops_tasks.report.commands import spoken
from ops_tasks.report.incident import MARK, html
from ops_tasks.report.incident_markdown import markdown
from ops_tasks.scenarios.account_facts import Account
from ops_tasks.secret_looks import HIDDEN
from ops_tasks.stack import FOUND
from tests.report.journals import BACK, FAILED, KEPT, SUCCEEDED, WORK, Line, measured, planned, told

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</title></style></svg><h1>",
    "a | b",
    "`rm -rf`",
    "[click](https://evil.example/x)",
    "![i](https://evil.example/i.png)",
    "**bold** _it_ ~~s~~ # head",
    "@everyone closes #1 https://evil.example www.evil.example",
    "- item",
    "1. item",
    "> quote",
    "&lt;b&gt; $x$ \\",
    "{{ 7 * 7 }} {% raw %}",
    "```\n\n# fence",
    "two\nlines",
]
LOADING = {"src", "href", "srcset", "action", "data", "poster", "xlink:href", "background"}


@pytest.fixture(autouse=True)
def _no_stack_found_before() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    before = dict(FOUND)
    FOUND.clear()
    yield
    FOUND.clear()
    FOUND.update(before)


class Page(HTMLParser):
    """What a page is made of: its elements with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.said = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.said += data


def hostile(root: Path, word: str) -> Account:
    """An account in which everything that comes from outside is `word`."""
    plan = planned(title=word, seen=[word])
    plan[2]["arguments"] |= {"notes": [word]}
    plan[2]["steps"][0] |= {"title": word, "equivalent": word}
    failed: Line = ("failed", "compare", {"reason": word, "way_out": word})
    said: Line = ("done", "smoke", {"said": word, "findings": [{"reason": word}]})
    ends: list[Line] = [("rollback_started", None, {}), ("put_back", None, BACK | {"theirs": [word]})]
    return told(root, [plan, *WORK[:-1], said, failed, *ends], measured(word))


@pytest.mark.parametrize("word", HOSTILE)
def test_a_hostile_name_is_text_on_the_page(tmp_path: Path, word: str) -> None:
    plain = Page(html(hostile(tmp_path, "plain")))
    page = Page(html(hostile(tmp_path, word)))
    skipped = {"wbr"}
    assert [tag for tag, _ in page.elements if tag not in skipped] == [
        tag for tag, _ in plain.elements if tag not in skipped
    ]
    assert page.said.count(word) >= 9
    assert not [name for _, given in page.elements for name in given if name.startswith("on")]


@pytest.mark.parametrize("word", HOSTILE)
def test_a_hostile_name_is_text_in_markdown(tmp_path: Path, word: str) -> None:
    text = markdown(hostile(tmp_path, word))
    read = MarkdownIt("gfm-like", {"linkify": False})
    shape = [token.type for token in read.parse(text)]
    assert shape == [token.type for token in read.parse(markdown(hostile(tmp_path, "plain")))]
    inside = [child for token in read.parse(text) for child in token.children or []]
    assert not [child for child in inside if child.type in ("link_open", "image", "html_inline", "em_open", "s_open")]
    raw = [token.content for token in read.parse(text) if token.type == "html_block"]
    assert all(re.fullmatch(r"(?:</?details>|<summary>[\w (),]+</summary>|<!-- [\w -]+ -->|\s)+", one) for one in raw)
    outside = re.sub(r"```.*?```", "", text.replace(word, ""), flags=re.DOTALL)
    assert not re.search(r"@\w|#\d|https?://|www\.", outside)


def test_a_page_needs_nothing_from_outside(tmp_path: Path) -> None:
    text = html(told(tmp_path, [planned(), *WORK, SUCCEEDED], measured()))
    page = Page(text)
    assert not [given for _, given in page.elements if LOADING & given.keys()]
    assert not [
        tag for tag, _ in page.elements if tag in {"script", "link", "img", "iframe", "object", "embed", "base"}
    ]
    assert not re.search(r"https?:|//\w|url\(|@import", text)
    policy = [given["content"] for _, given in page.elements if given.get("http-equiv") == "Content-Security-Policy"]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"]
    assert text.index(MARK) < 200


def test_both_tell_the_same(tmp_path: Path) -> None:
    account = told(tmp_path, [planned(), *WORK, SUCCEEDED], measured())
    page = Page(html(account)).said
    text = markdown(account).replace("\\", "")
    for said in (
        "Backfill of ebird for 2026-04-18..2026-04-20",
        "done and proven",
        "What was found",
        "no rows on 2026-04-18 to 2026-04-20 (3 days)",
        "2 of 3 tables are identical by row count and fingerprint",
        "species_status_history is not restated",
        "do restate",
        f"invoke ops.rollback abc123 --stack={tmp_path}",
    ):
        assert said in page, said
        assert said in text, said
    assert "| raw.main.obs | 399 | 462 | 2026-04-18 to 2026-04-20 (3 days) | nothing |" in text
    assert "| 2026-04-18 | 0 | 21 |" in text
    assert "`██████████···██` before" in text


def test_a_report_speaks_one_language(tmp_path: Path) -> None:
    """Commands of ours, wherever they stand, as the program that made the report has them; others as they are."""
    plan = planned()
    plan[2]["steps"][0] |= {"equivalent": "invoke snapshot.create --name='a b'\ninvoke load.noaa --day=1\x1b[2J"}
    account = told(tmp_path, [plan, *WORK, SUCCEEDED], measured())
    before = spoken.set("ops")
    try:
        texts = Page(html(account)).said, markdown(account)
    finally:
        spoken.reset(before)
    for text in texts:
        assert f"ops snapshot.create --name='a b' --stack={tmp_path}\n" in text
        assert f"ops rollback abc123 --stack={tmp_path}\n" in text
        assert "invoke load.noaa --day=1␛[2J" in text
        assert "invoke snapshot" not in text
        assert "\x1b" not in text


def test_what_was_put_back_is_told_so(tmp_path: Path) -> None:
    back: list[Line] = [("rollback_started", None, {}), ("put_back", None, BACK)]
    account = told(tmp_path, [planned(), *WORK[:-1], FAILED, *back], measured())
    for text in (Page(html(account)).said, markdown(account)):
        assert "What it had changed until it was put back" in text
        assert "What changed" not in text
        assert "marts.daily changed outside" in text
        assert "look at the log" in text
        assert "17 files are byte-identical to before" in text
        assert "ops.rollback" not in text


@pytest.mark.parametrize("secret", ["plain-s3cr3t-value", "<odd>&\"s3cr3t'|_*`x"])
def test_a_secret_is_in_neither(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    monkeypatch.setenv("EBIRD_API_KEY", secret)
    account = hostile(tmp_path, f"GET /?key={secret} failed")
    for text in (html(account), markdown(account), json.dumps([account.reason, account.found, account.did[0].title])):
        assert HIDDEN.replace("*", "\\*") in text or HIDDEN in text
        assert "s3cr3t" not in text


def test_every_report_of_nothing_is_whole(tmp_path: Path) -> None:
    beginnings: list[list[Line]] = [[planned()], [*KEPT], [("noted", None, {})]]
    for lines in beginnings:
        account = told(tmp_path, lines)
        assert account.back in Page(html(account)).said
        assert markdown(account).startswith(MARK)
