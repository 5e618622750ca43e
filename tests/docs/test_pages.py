"""The rendered pages are what their programs render today; what renders them is stable and says when a page is not."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from jinja2 import UndefinedError

from docs_tools import __main__ as program
from docs_tools import cli, pages, runbook
from docs_tools.pages import DOCS, stale
from docs_tools.runbook import Line
from docs_tools.scenes import Told
from docs_tools.stable import stable
from tests.conftest import finish

UUID = "0f8fad5b-d9cb-469f-a165-70867728950e"


def step(name: str, title: str = "", equivalent: str = "") -> dict[str, Any]:
    return {"name": name, "title": title or name, "equivalent": equivalent}


def told(*steps: dict[str, Any], words: str = "invoke ops.x --plan", **document: Any) -> Told:
    return Told(words, 0, {"steps": list(steps), **document})


def test_the_command_line_page_is_up_to_date() -> None:
    ran = finish([sys.executable, "-m", "docs_tools", "--check", "cli.md"])
    assert (ran.code, ran.out) == (0, ""), ran.out + ran.err


@pytest.mark.rehearsal
@pytest.mark.timeout(1800)
def test_the_runbook_is_what_the_commands_say_of_real_broken_stacks() -> None:
    assert stale("runbook.md") == ""


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The committed pages in a folder of their own; the command line looks at one of them."""
    monkeypatch.setattr(pages, "DOCS", tmp_path)
    monkeypatch.setitem(pages.PAGES, "cli.md", (DOCS / "cli.md").read_text)
    monkeypatch.setattr(sys, "argv", ["docs_tools", "--check", "cli.md"])
    return tmp_path / "cli.md"


def test_a_changed_page_is_stale_and_named_with_its_command(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere.write_text((DOCS / "cli.md").read_text().replace("### ops.doctor", "### ops.nurse"))
    assert program.main() == 1
    out = capsys.readouterr().out
    assert "docs/cli.md is stale: render it with `invoke dev.docs --page=cli.md`" in out
    assert "-### ops.nurse\n+### ops.doctor" in out
    assert "ops.nurse" in elsewhere.read_text(), "a check writes nothing"


def test_a_page_that_is_not_there_is_stale(elsewhere: Path) -> None:
    assert program.main() == 1
    assert not elsewhere.exists()


def test_rendering_a_page_does_not_change_what_it_is_made_of() -> None:
    found = cli.grouped()["ops"]["ops.rebuild"]
    assert cli.task("ops.rebuild", found) == cli.task("ops.rebuild", found)


def test_the_chore_renders_and_checks() -> None:
    ran = finish([sys.executable, "-m", "invoke", "dev.docs", "--check", "--page=cli.md"])
    assert (ran.code, ran.out) == (0, ""), ran.out + ran.err
    assert finish([sys.executable, "-m", "invoke", "dev.docs", "--check", "--page=no.md"]).code == 2


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param("/srv/a/stack/data/x.duckdb", "STACK/data/x.duckdb", id="folder"),
        pytest.param("run -w '/srv/a/stack/workspace.yaml'", "run -w STACK/workspace.yaml", id="folder in quotes"),
        pytest.param(f"{sys.executable} -m soda", "python -m soda", id="interpreter"),
        pytest.param("pre_backfill_ebird_20260418_0192e8", "pre_backfill_ebird_20260418_ID", id="snapshot of a plan"),
        pytest.param(f"SNAPSHOT_ID '{UUID}'", "SNAPSHOT_ID 'UUID'", id="uuid"),
        pytest.param("ebird__dim__2184905561", "ebird__dim__VERSION", id="fingerprint"),
        pytest.param("14.8 MB of 83.5 GB free, 1,009 KB", "SIZE of SIZE free, SIZE", id="sizes"),
        pytest.param(
            "2 of 17 blocks have a wrong checksum (3, 11): data of ebird.dim",
            "1 of N blocks has a wrong checksum: data of TABLE",
            id="blocks",
        ),
        pytest.param("Keep the history of b.x, a.y", "Keep the history of a.y, b.x", id="order"),
        pytest.param("2026-04-18..2026-04-20, 70 rows", "2026-04-18..2026-04-20, 70 rows", id="days that stand still"),
    ],
)
def test_what_changes_from_run_to_run_has_stable_words(text: str, wanted: str) -> None:
    assert stable(text, "/srv/a/stack", {"operation": None}) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("kill -9 4711, hung 4711, process 4711", "kill -9 PID, hung PID, process PID"),
        ("at 2026-04-18", "at DAY"),
        ("3 fires missed", "N fires missed"),
        ("pre_resume_20260418_0192e8", "pre_resume_YYYYMMDD_ID"),
    ],
)
def test_a_stack_that_lives_now_has_no_days(text: str, wanted: str) -> None:
    assert stable(text, "/srv/a/stack", {"operation": None}, moving=True) == wanted


def test_an_operation_is_found_wherever_it_is_named_and_nothing_else_is() -> None:
    text = json.dumps({"operation": "0192e8", "said": "invoke ops.rollback 0192e8", "hash": "f0192e8a"})
    assert json.loads(stable(text, "/x", json.loads(text))) == {
        "operation": "ID",
        "said": "invoke ops.rollback ID",
        "hash": "f0192e8a",
    }


def test_a_plan_is_split_where_only_looking_is_left() -> None:
    done, looked = runbook.split(told(step("checks"), step("snapshot"), step("swap"), step("drift"), step("audits")))
    assert [line.title for line in done] == ["checks", "snapshot", "swap"]
    assert [line.title for line in looked] == ["drift", "audits"]


@pytest.mark.parametrize("names", [("snapshot", "swap"), ("drift", "audits"), ()])
def test_a_plan_without_work_or_without_validation_is_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"ops\.x --plan: which steps"):
        runbook.split(told(*map(step, names)))


def test_plans_that_are_said_to_be_the_same_are_held_to_it() -> None:
    one = told(step("swap"), step("drift"))
    assert runbook.same(told(step("swap"), step("drift"), words="invoke ops.y"), one) == "invoke ops.y"
    with pytest.raises(ValueError, match=r"invoke ops\.y does not plan what invoke ops\.x"):
        runbook.same(told(step("cut"), step("drift"), words="invoke ops.y"), one)


def test_what_one_plan_has_more_is_what_the_other_lacks() -> None:
    short = told(step("keep"), step("fire", "Fire twice"), step("cut"), step("drift"))
    long = told(step("keep"), step("load"), step("fire", "Fire once"), step("cut", equivalent="cp a b"), step("drift"))
    assert runbook.more(long, short) == "1. load\n2. cut\n\n    ```sh\n    cp a b\n    ```"


def test_steps_are_numbered_each_once_with_what_a_person_would_type() -> None:
    long = "sqlmesh plan prod" + " --restate-model ebird.fct_daily_bird_observations" * 2 + " --auto-apply"
    assert runbook.steps(
        [Line("a", "Run DAY", ""), Line("a", "Run DAY", ""), Line("b", "Restate", f"cd x\n{long}")]
    ) == (
        "1. Run DAY\n"
        "2. Restate\n\n"
        "    ```sh\n"
        "    cd x\n"
        "    sqlmesh plan prod \\\n"
        "      --restate-model ebird.fct_daily_bird_observations \\\n"
        "      --restate-model ebird.fct_daily_bird_observations --auto-apply\n"
        "    ```"
    )


@pytest.mark.parametrize(
    ("equivalent", "wanted"),
    [
        ('CREATE DATABASE "a" FROM "b"', '```sql\nCREATE DATABASE "a" FROM "b";\n```'),
        ("mv a b", "```sh\nmv a b\n```"),
    ],
)
def test_a_command_is_shown_as_the_shell_or_the_database_takes_it(equivalent: str, wanted: str) -> None:
    assert runbook.typed(equivalent) == wanted


def test_a_way_out_links_to_its_page() -> None:
    assert runbook.way_out("copy that of docs/hooks/ci.md") == "copy that of [hooks/ci.md](hooks/ci.md)"


def test_a_scene_that_nobody_plays_is_no_empty_place() -> None:
    with pytest.raises(UndefinedError):
        runbook.page({})


def test_a_cause_is_one_row_however_often_it_is_found() -> None:
    found = [
        {"cause": "window", "subject": s, "evidence": f"{s}: 3 days are empty", "way_out": "run invoke ops.backfill"}
        for s in ("a.b", "c.d")
    ]
    assert runbook.symptoms(told(findings=found)).splitlines()[2:] == [
        "| `window` | a.b: 3 days are empty (and 1 more) | run `invoke ops.backfill` |"
    ]
