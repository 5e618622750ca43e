"""The configuration: what is found, and how exactly it is told what is wrong with it."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, date, datetime
from pathlib import Path
from textwrap import dedent, indent

import pytest

from ops_tasks.errors import UsageError
from ops_tasks.stack import Stack, find

GOOD = """\
ops:
  databases:
    databox: data/databox.duckdb
    raw: data/raw.duckdb
  sqlmesh:
    project: transforms
    state: data/state.duckdb
  dlt:
    pipelines_dir: data/dlt
  sources:
    ebird:
      catalog: raw
      dataset: main
      pipeline: birds
      tables:
        obs:
          date_column: day
      load:
        dlt: somewhere:source
      window:
        start: A
        end: B
"""


def write(folder: Path, text: str = GOOD, **changed: str) -> Path:
    """An invoke.yaml; `changed` replaces the value of a key, wherever it is."""
    lines = text.splitlines()
    for key, value in changed.items():
        lines = [line[: line.index(":") + 1] + value if line.strip().startswith(f"{key}:") else line for line in lines]
    (folder / "transforms").mkdir(exist_ok=True)
    (folder / "invoke.yaml").write_text("\n".join(lines) + "\n")
    return folder


def stack(folder: Path, more: str = "", **changed: str) -> Stack:
    return find(write(folder, GOOD + indent(dedent(more), "  "), **changed))


def test_paths_are_relative_to_the_root(tmp_path: Path) -> None:
    found = stack(tmp_path)
    assert found.root == tmp_path
    assert found.home == tmp_path / ".ops"
    assert found.databases == {"databox": tmp_path / "data/databox.duckdb", "raw": tmp_path / "data/raw.duckdb"}
    assert found.duckdb_files == [*found.databases.values(), tmp_path / "data/state.duckdb"]
    assert found.folders == [tmp_path / "data/dlt/birds"]
    assert found.relative(tmp_path / "data/dlt/birds") == "data/dlt/birds"


def test_a_state_inside_a_catalog_and_a_file_under_two_names_count_once(tmp_path: Path) -> None:
    found = stack(tmp_path, state=" data/raw.duckdb", databox=" data/raw.duckdb")
    assert found.duckdb_files == [tmp_path / "data/raw.duckdb"]


def test_the_root_may_be_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "there" / "transforms").mkdir(parents=True)
    found = stack(tmp_path, "root: there\n")
    assert found.root == tmp_path / "there"
    assert found.project == tmp_path / "there/transforms"


WRONG = [
    pytest.param("ops:\n", "no 'ops:' section", "", id="an empty section"),
    pytest.param("ops: 3\n", "no 'ops:' section", "", id="no mapping"),
    pytest.param("other: 1\n", "no 'ops:' section", "", id="no section"),
    pytest.param("- a\n", "no 'ops:' section", "", id="a list"),
    pytest.param("", "no 'ops:' section", "", id="an empty file"),
    pytest.param("ops: {}\n", ":1: ops.databases: Field required", "", id="nothing in it"),
    pytest.param(GOOD.replace("dataset", "datset"), ":11: ops.sources.ebird.dataset: Field required", "", id="missing"),
    pytest.param(GOOD + "  gaet: {}\n", ":23: ops.gaet: Extra inputs", "did you mean 'gate'?", id="unknown at the top"),
    pytest.param(
        GOOD.replace("project: transforms", "project: transforms\n    gatway: x"),
        ":7: ops.sqlmesh.gatway: Extra inputs",
        "did you mean 'gateway'?",
        id="unknown in a section",
    ),
    pytest.param(
        GOOD.replace("date_column", "date_colum"),
        ":17: ops.sources.ebird.tables.obs.date_colum: Extra inputs",
        "did you mean 'date_column'?",
        id="unknown deep down",
    ),
    pytest.param(GOOD + "  gate: {low: 120}\n", ":23: ops.gate.low: Input should be less than 100", "", id="a number"),
    pytest.param(
        GOOD + "  gate:\n    keep: much\n", ":24: ops.gate.keep: Input should be a valid number", "", id="no number"
    ),
    pytest.param(GOOD + "  python_path: [a, [b]]\n", ":23: ops.python_path.1: ", "", id="an item of a list"),
    pytest.param(
        GOOD.replace("        end: B\n", ""), ":20: ops.sources.ebird.window: Value error", "", id="half a pair"
    ),
    pytest.param(
        GOOD.replace("start: A", "days_back: N\n        start: A"),
        "ops.sources.ebird.window: ",
        "",
        id="two kinds of window",
    ),
    pytest.param(
        GOOD.replace("dlt: somewhere:source", "dlt: x:y\n        command: [a]"),
        ":18: ops.sources.ebird.load: Value error, give exactly one",
        "",
        id="two kinds of load",
    ),
    pytest.param(GOOD + "  7: x\n", "ops.7", "", id="a number for a key"),
    pytest.param(
        GOOD.replace("catalog: raw", "catalog: rwa"),
        ":12: ops.sources.ebird.catalog: no database 'rwa'",
        "did you mean 'raw'?",
        id="a catalog that is not there",
    ),
    pytest.param(
        GOOD.replace("transforms", "trans"), ":6: ops.sqlmesh.project: ", "", id="a project that is not there"
    ),
    pytest.param(
        GOOD + "  root: nowhere\n", ":23: ops.root: ", "make it, or set ops.root in", id="a root that is not there"
    ),
    pytest.param(
        GOOD.replace("data/raw", "../raw"), ":4: ops.databases.raw: ", "below", id="a database outside of the root"
    ),
    pytest.param(GOOD.replace("data/raw", "/raw"), ":4: ops.databases.raw: ", "below", id="an absolute path elsewhere"),
    pytest.param(GOOD.replace("data/state", "../../state"), ":7: ops.sqlmesh.state: ", "below", id="a state outside"),
    pytest.param(GOOD.replace("data/dlt", "data/../.."), ":9: ops.dlt.pipelines_dir: ", "below", id="dlt outside"),
    pytest.param(
        GOOD.replace("pipeline: birds", "pipeline: ../../../x"),
        ":14: ops.sources.ebird.pipeline: ",
        "below",
        id="a pipeline outside",
    ),
    pytest.param(GOOD + "  a: b: c\n", ":23: not YAML: mapping values are not allowed here", "", id="no YAML"),
    pytest.param(GOOD + "\tx: 1\n", ":23: not YAML: ", "", id="a tab"),
    pytest.param(GOOD + "  home: a\n  home: b\n", ":24: not YAML: ", "", id="a key twice"),
    pytest.param(GOOD + "  home: 'a\x07'\n", "not YAML: ", "", id="a control character"),
]


@pytest.mark.parametrize(("text", "where", "way_out"), WRONG)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, text: str, where: str, way_out: str) -> None:
    (tmp_path / "transforms").mkdir()
    (tmp_path / "invoke.yaml").write_text(text)
    with pytest.raises(UsageError) as caught:
        find(tmp_path)
    assert caught.value.reason.startswith(str(tmp_path / "invoke.yaml"))
    assert where in caught.value.reason
    assert way_out in caught.value.way_out


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "invoke.yaml").write_bytes(b"ops: \xff\xfe\n")
    with pytest.raises(UsageError, match=r"invoke\.yaml: not YAML: .*can't decode byte 0xff"):
        find(tmp_path)


def test_the_nearest_file_with_a_section_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path)
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    (tmp_path / "a" / "invoke.yaml").write_text("run:\n  echo: true\n")
    monkeypatch.chdir(below)
    assert find().root == tmp_path


def test_the_other_ending_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (write(tmp_path) / "invoke.yaml").rename(tmp_path / "invoke.yml")
    monkeypatch.chdir(tmp_path)
    assert find().file == find(tmp_path).file == tmp_path / "invoke.yml"
    (tmp_path / "invoke.yaml").write_text("run: {echo: true}\n")
    with pytest.raises(UsageError, match="no 'ops:' section"):
        find(tmp_path)


def test_no_file_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"no invoke\.yaml with an 'ops:' section") as caught:
        find()
    assert "--stack" in caught.value.way_out
    with pytest.raises(UsageError, match=r"no invoke\.yaml in"):
        find(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("variable", "value", "read"),
    [
        ("INVOKE_OPS_SQLMESH_PROJECT", "other", "project"),
        ("INVOKE_OPS_SQLMESH_GATEWAY", "ignored, because the file does not have it", ""),
        ("INVOKE_OPS_SOURCES_EBIRD_DATASET", "elsewhere", "dataset"),
    ],
)
def test_the_environment_replaces_what_the_file_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, read: str
) -> None:
    (tmp_path / "other").mkdir()
    monkeypatch.setenv(variable, value)
    found = stack(tmp_path).config
    assert found.sqlmesh.project == Path("other" if read == "project" else "transforms")
    assert found.sources["ebird"].dataset == ("elsewhere" if read == "dataset" else "main")
    assert found.sqlmesh.gateway is None


def test_a_wrong_value_of_the_environment_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVOKE_OPS_GATE_KEEP", "much")
    with pytest.raises(UsageError, match=r"^INVOKE_OPS_GATE_KEEP for .*ops\.gate\.keep"):
        stack(tmp_path, "gate:\n  keep: 80\n")


@pytest.mark.parametrize(
    ("clock", "now"),
    [
        ("2026-04-18", datetime(2026, 4, 18, 23, 59, tzinfo=UTC)),
        ("'2026-04-18'", datetime(2026, 4, 18, 23, 59, tzinfo=UTC)),
        ("2026-04-18T10:00:00", datetime(2026, 4, 18, 10, tzinfo=UTC)),
        ("2026-04-18 10:00:00", datetime(2026, 4, 18, 10, tzinfo=UTC)),
        ("2026-04-18T10:00:00Z", datetime(2026, 4, 18, 10, tzinfo=UTC)),
        ("2026-04-18T01:00:00+02:00", datetime(2026, 4, 17, 23, tzinfo=UTC)),
        ("'2026-04-18T01:00:00+02:00'", datetime(2026, 4, 17, 23, tzinfo=UTC)),
    ],
)
def test_the_clock_may_be_fixed(tmp_path: Path, clock: str, now: datetime) -> None:
    found = stack(tmp_path, f"clock: {clock}\n")
    assert found.now() == now
    assert found.today() == now.date()


def test_the_clock_of_the_environment_is_read_as_the_file_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVOKE_OPS_CLOCK", "2026-04-19")
    found = stack(tmp_path, "clock: 2026-04-18\n")
    assert found.now() == datetime(2026, 4, 19, 23, 59, tzinfo=UTC)


def test_without_a_clock_it_is_now(tmp_path: Path) -> None:
    assert abs((stack(tmp_path).now() - datetime.now(UTC)).total_seconds()) < 60
    assert isinstance(stack(tmp_path).today(), date)


def test_an_unknown_source_is_named_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"unknown source 'ebrid'.*did you mean 'ebird'"):
        stack(tmp_path).source("ebrid")


def test_without_dlt_there_are_no_folders(tmp_path: Path) -> None:
    text = GOOD.replace("  dlt:\n    pipelines_dir: data/dlt\n", "")
    found = find(write(tmp_path, text))
    assert (found.folders, found.pipeline_dir("ebird")) == ([], None)


def test_a_database_that_is_a_link_is_refused_with_the_file_itself(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "elsewhere.duckdb").touch()
    (tmp_path / "data" / "raw.duckdb").symlink_to(tmp_path / "elsewhere.duckdb")
    with pytest.raises(UsageError, match=r"invoke.yaml:4: ops.databases.raw: .* is a symbolic link") as refused:
        stack(tmp_path)
    assert str(tmp_path / "elsewhere.duckdb") in refused.value.way_out


def test_a_home_outside_of_the_root_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="outside of the root"):
        stack(tmp_path, "home: ../elsewhere")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_home_on_another_file_system_is_refused(tmp_path: Path) -> None:
    home = tmp_path / ".ops"
    home.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(home)], check=True)
    try:
        with pytest.raises(UsageError, match="are on different file systems"):
            stack(tmp_path)
    finally:
        subprocess.run(["umount", "--lazy", str(home)], check=True)
    assert stack(tmp_path).home == home
