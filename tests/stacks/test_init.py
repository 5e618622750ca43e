"""`ops.init` on stacks that nobody has described: the shop, and the sandbox without its configuration."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from sandbox import stacks
from sandbox.api.server import serve
from tests.conftest import Ran, Sandbox, finish
from tests.stacks.conftest import Shop

WRITTEN = ["invoke.yaml", "tasks.py", ".gitignore", ".pre-commit-config.yaml"]


def everything(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".git/" not in str(path)
    }


def init(folder: Path, *words: str) -> Ran:
    return finish([sys.executable, "-m", "invoke", "ops.init", f"--dir={folder}", "--json", *words])


@pytest.mark.rehearsal
@pytest.mark.usefixtures("leaves_nothing")
def test_a_plan_and_no_answer_write_nothing(bare_shop: Shop) -> None:
    before = everything(bare_shop.folder)
    planned = bare_shop.init("--plan")
    assert planned.code == 0, planned.err
    assert "+++ invoke.yaml" in planned.document["diff"]
    unasked = bare_shop.init()
    assert unasked.code == 3, unasked.err
    assert everything(bare_shop.folder) == before


def test_the_shop_is_described_by_one_command_and_healthy(bare_shop: Shop) -> None:
    made = bare_shop.init("--yes")
    assert made.code == 0, made.err
    assert [Path(path).name for path in made.document["written"]] == WRITTEN
    assert made.document["questions"] == []
    assert all(fact["why"] for fact in made.document["found"])
    assert (bare_shop.folder / ".gitignore").read_text() == "# what is made here\n/var/\n/.ops/\n"
    hooks = (bare_shop.folder / ".pre-commit-config.yaml").read_text()
    assert "ops-large-files" in hooks
    assert "ops-schema-gate" not in hooks, "there are no contracts"

    described = everything(bare_shop.folder)
    again = bare_shop.init("--yes")
    assert again.code == 0, again.err
    assert again.document["written"] == []
    assert everything(bare_shop.folder) == described

    told = bare_shop.invoke("ops.doctor")
    assert told.code == 0, told.err
    assert told.document["verdict"]["words"] == "healthy"


def test_what_is_there_stays(bare_shop: Shop) -> None:
    own = {
        "invoke.yaml": "# ours\nrun:\n    echo: true  # shown\n",
        "tasks.py": "from invoke import task\n",
        ".pre-commit-config.yaml": "repos:\n- repo: local   # ours\n  hooks:\n  - {id: x, name: x, entry: x}\n",
    }
    for name, text in own.items():
        (bare_shop.folder / name).write_text(text)
    made = bare_shop.init("--yes")
    assert made.code == 0, made.err
    for name, text in own.items():
        assert (bare_shop.folder / name).read_text().startswith(text.rstrip("\n")), name
    assert (bare_shop.folder / "tasks.py").read_text() == own["tasks.py"]
    assert any("tasks.py is yours" in note for note in made.document["notes"])


@pytest.mark.rehearsal
def test_a_guess_is_a_question_until_somebody_answers_it(bare_shop: Shop) -> None:
    models = bare_shop.folder / "elt" / "models" / "parcels.sql"
    models.write_text(models.read_text().replace("weight::DOUBLE AS weight", "scanned_at::TIMESTAMP AS scanned_at"))
    bare_shop.change("UPDATE landing.parcels SET scanned_at = left_at")
    (bare_shop.folder / "Taskfile.yml").unlink()
    (bare_shop.folder / "bin" / "pull.sh").unlink()
    (bare_shop.folder / "bin" / "into_duckdb.py").unlink()
    made = bare_shop.init("--yes")
    assert made.code == 0, made.err
    asked = {one["key"]: one["question"] for one in made.document["questions"]}
    assert asked["ops.sources.landing.tables.parcels"] == "is left_at the day of a row, or is it scanned_at?"
    assert "how is landing loaded?" in asked["ops.sources.landing.load"]

    told = bare_shop.invoke("ops.doctor").document
    open_ones = [found for found in told["findings"] if found["cause"] == "question"]
    assert len(open_ones) == 2
    assert open_ones[0]["subject"].startswith("invoke.yaml:")
    refused = bare_shop.invoke("ops.backfill", "--source=landing", f"--start={bare_shop.api.last}", "--yes")
    assert refused.code == 2
    assert "source landing has no load" in refused.document["findings"][0]["reason"]

    file = bare_shop.folder / "invoke.yaml"
    lines = [line for line in file.read_text().splitlines(keepends=True) if "?:" not in line]
    file.write_text("".join(lines))
    left = bare_shop.invoke("ops.doctor").document["findings"]
    assert "question" not in {found["cause"] for found in left}


def no_project(folder: Path) -> None:
    (folder / "elt" / "config.yaml").unlink()


def another_database(folder: Path) -> None:
    gateway = "{connection: {type: mysql, host: h, user: u, password: p, port: 1}}"
    text = f"gateways: {{other: {gateway}}}\ndefault_gateway: other\nmodel_defaults: {{dialect: mysql}}\n"
    (folder / "elt" / "config.yaml").write_text(text)


def outside(folder: Path) -> None:
    file = folder / "elt" / "config.yaml"
    file.write_text(file.read_text().replace("var/shop.db", "/elsewhere/shop.db"))


def one_line(folder: Path) -> None:
    (folder / "invoke.yaml").write_text("ops: {home: .ops}\n")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (no_project, "no SQLMesh project in"),
        (another_database, "mysql"),
        (outside, "is outside of"),
        (one_line, "written in one line"),
    ],
)
def test_what_cannot_be_described_is_refused(bare_shop: Shop, spoil: Callable[[Path], None], reason: str) -> None:
    spoil(bare_shop.folder)
    before = everything(bare_shop.folder)
    refused = bare_shop.init("--yes")
    assert refused.code == 2, refused.err
    assert reason in refused.document["findings"][0]["reason"].lower().replace("sqlmesh", "SQLMesh")
    assert refused.document["findings"][0]["way_out"]
    assert everything(bare_shop.folder) == before


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    refused = init(tmp_path / "nowhere")
    assert refused.code == 2
    assert "is no folder" in refused.document["findings"][0]["reason"]


@pytest.fixture
def stripped(tmp_path: Path) -> Iterator[Sandbox]:
    """The sandbox as of today, without any configuration of this suite."""
    made, folder = tmp_path / "made", tmp_path / "stack"
    stacks.up(made, today=None, serve=False, validate=False)
    stacks.copy(made, folder)
    (folder / "invoke.yaml").unlink()
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    with serve(folder):
        yield Sandbox(folder)


@pytest.mark.rehearsal
def test_the_sandbox_without_its_configuration_is_described_again(stripped: Sandbox) -> None:
    made = init(stripped.folder, "--yes")
    assert made.code == 0, made.err
    assert made.document["questions"] == []
    yaml: Any = YAML(typ="safe")
    original = yaml.load((Path(__file__).parents[2] / "invoke.yaml").read_text())["ops"]
    found = yaml.load((stripped.folder / "invoke.yaml").read_text())["ops"]
    for part in ("databases", "sqlmesh", "contracts", "dagster", "dlt"):
        wanted: dict[str, Any] = original[part]
        assert found[part] == {key: value for key, value in wanted.items() if value != "prod"}, part
    for name, source in original["sources"].items():
        assert found["sources"][name]["tables"] == source["tables"]
        assert found["sources"][name]["window"] == source["window"]
    assert stripped.invoke("ops.doctor").code == 0

    day = datetime.now(UTC).date().fromordinal(datetime.now(UTC).date().toordinal() - 6)
    mended = stripped.backfill(start=day, end=day, source="noaa")
    assert mended.code == 0, mended.err
    assert stripped.differences() == []
