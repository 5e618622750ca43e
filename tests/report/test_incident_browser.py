"""A report in a real browser: on a phone and on a desk, in light and in dark."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from ops_tasks.report.incident import html
from tests.report.journals import BACK, FAILED, SUCCEEDED, WORK, Line, measured, planned, told

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
LONG = "a_catalog_of_a_long_name.a_schema_of_a_long_name.an_incremental_table_of_quite_a_long_name" * 2
LEAST_CONTRAST, LEAST_GRAPHIC = 4.5, 3.0  # WCAG 2.2 AA: 1.4.3 for text, 1.4.11 for what a chart is read by
FAINT = """() => {
    const parse = text => text.match(/[\\d.]+/g).map(Number);
    const linear = v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
    const light = rgb => rgb.slice(0, 3).map(v => linear(v / 255))
        .reduce((sum, v, at) => sum + v * [.2126, .7152, .0722][at], 0);
    const ratio = (one, two) => { const [low, high] = [light(one), light(two)].sort((a, b) => a - b);
        return (high + .05) / (low + .05); };
    const behind = element => { for (let at = element; at; at = at.parentElement) {
        const rgb = parse(getComputedStyle(at).backgroundColor); if (rgb[3] !== 0) return rgb; } };
    const texts = [...document.querySelectorAll("main *")].filter(element => !element.closest("svg")
        && [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim()));
    const bars = [...document.querySelectorAll("rect.before, rect.after")];
    return { texts: texts.length, bars: bars.length,
        faint: texts.map(e => [ratio(parse(getComputedStyle(e).color), behind(e)), e.textContent.slice(0, 30)]),
        dim: bars.map(e => [ratio(parse(getComputedStyle(e).fill), behind(e.closest(".card"))), e.outerHTML]) };
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = shutil.which("chromium")
    if found is None:
        if os.environ.get("OPS_TASKS_CHROMIUM") == "required":
            pytest.fail("chromium is not installed, and OPS_TASKS_CHROMIUM=required")
        pytest.skip("chromium is not installed (apt-get install chromium)")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with everything in it: a long name, a failure, what was put back."""
    root = tmp_path_factory.mktemp("report")
    reason: Line = ("failed", "compare", FAILED[2] | {"reason": f"{LONG} changed outside"})
    ends: list[Line] = [("rollback_started", None, {}), ("put_back", None, BACK | {"theirs": [LONG]})]
    file = root / "report.html"
    plan = planned(seen=[LONG])
    plan[2]["steps"][0]["equivalent"] = f"sqlmesh plan --restate-model '{LONG}'"
    file.write_text(html(told(root, [plan, *WORK[:-1], reason, *ends], measured(LONG))), encoding="utf-8")
    return file


def opened(browser: Browser, file: Path, width: int, **more: Any) -> tuple[Page, list[str], list[str]]:
    """The page, what its console said, and what it asked for."""
    page = browser.new_context(viewport={"width": width, "height": 844}, **more).new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    return page, said, asked


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_and_can_be_read(browser: Browser, report: Path, width: int, scheme: str) -> None:
    page, said, asked = opened(browser, report, width, color_scheme=scheme)
    try:
        for summary in page.locator("summary").all():
            summary.click()
        assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
        charts = page.locator("svg.chart").all()
        assert charts
        for chart in charts:
            boxes = [bar.bounding_box() for bar in chart.locator("rect:not(.shade)").all()]
            assert len(boxes) > 10
            assert all(box is not None and box["width"] > 0.5 and box["height"] > 0.5 for box in boxes)
        told_of: dict[str, Any] = page.evaluate(FAINT)
        assert told_of["texts"] > 30
        assert told_of["bars"] >= 3
        assert [one for one in told_of["faint"] if one[0] < LEAST_CONTRAST] == []
        assert [one for one in told_of["dim"] if one[0] < LEAST_GRAPHIC] == []
        assert said == []
        assert asked == [report.as_uri()]
    finally:
        page.context.close()


def test_what_is_hostile_does_nothing(browser: Browser, tmp_path: Path) -> None:
    script = "document.title='taken'"
    word = f'"><img src=\'https://evil.example/x\' onerror="{script}"><script>{script}</script>'
    file = tmp_path / "report.html"
    file.write_text(html(told(tmp_path, [planned(title=word), *WORK, SUCCEEDED], measured(word))), encoding="utf-8")
    page, said, asked = opened(browser, file, 390)
    try:
        assert page.title().startswith('"><img')
        assert page.locator("img, script").count() == 0
        assert (said, asked) == ([], [file.as_uri()])
    finally:
        page.context.close()
