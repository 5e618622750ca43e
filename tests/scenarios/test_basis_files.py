"""The files that a saved plan rests on: what SQLMesh, the loads and Dagster read; not what is installed or made."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ops_tasks.errors import UsageError
from ops_tasks.scenarios import basis_files
from ops_tasks.stack import find

SETTINGS = """ops:
  databases: {a: data/a.duckdb}
  sqlmesh: {project: p}
  contracts: {path: contracts, data_source: a}
  dagster: {module: shop.jobs}
  dlt: {pipelines_dir: data/dlt}
  python_path: [., ../shared]
  sources:
    x: {catalog: a, dataset: main, tables: {t: {}}, load: {command: [bin/load, x]}}
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty stack, in an account of its own."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SQLMESH_HOME", raising=False)
    folder = tmp_path / "stack"
    write(folder / "invoke.yaml", SETTINGS)
    write(folder / "p" / "config.py")
    return folder


def write(file: Path, text: str = "x") -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def told(root: Path) -> set[str]:
    return set(basis_files.files(find(root)))


def ignoring(root: Path, *patterns: str) -> None:
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    write(root / ".gitignore", "\n".join(patterns) + "\n")


FACTS = {
    "shop/sources/ebird.py": "code shop/sources/ebird.py",
    "shop/jobs.py": "code shop/jobs.py",
    "shop/queries/window.sql": "code shop/queries/window.sql",
    "logs/writing.py": "code logs/writing.py",
    "bin/load": "code bin/load",
    "../shared/helpers.py": "code {above}/shared/helpers.py",
    "shop.toml": "settings shop.toml",
    "workspace.yaml": "settings workspace.yaml",
    ".env": "settings .env",
    ".dlt/config.toml": "settings .dlt/config.toml",
    ".dlt/secrets.toml": "settings .dlt/secrets.toml",
    ".dagster/dagster.yaml": "settings .dagster/dagster.yaml",
    "../home/.dlt/config.toml": "settings ~/.dlt/config.toml",
    "../home/.sqlmesh/config.yaml": "settings ~/.sqlmesh/config.yaml",
    "contracts/a/b.yml": "contract a/b.yml",
    "p/config.py": "model file config.py",
    "p/.env": "model file .env",
    "p/sqlmesh-requirements.lock": "model file sqlmesh-requirements.lock",
    "p/models/a.sql": "model file models/a.sql",
    "p/models/logs/a.sql": "model file models/logs/a.sql",
    "p/models/venv/a.sql": "model file models/venv/a.sql",
    "p/models/node_modules/a.sql": "model file models/node_modules/a.sql",
    "p/models/.hidden/a.sql": "model file models/.hidden/a.sql",
    "p/seeds/a.tsv": "model file seeds/a.tsv",
    "p/macros/logs/m.py": "model file macros/logs/m.py",
    "p/lib/m.py": "model file lib/m.py",
}


@pytest.mark.parametrize("name", FACTS)
def test_what_is_read_is_a_fact_and_told_by_its_name(root: Path, name: str) -> None:
    write(root / name, "1")
    fact = FACTS[name].format(above=root.parent)
    file = basis_files.files(find(root))[fact]
    before = basis_files.digest(file)
    write(root / name, "2")
    assert basis_files.digest(file) != before
    file.unlink()
    assert fact not in told(root)


@pytest.mark.parametrize(
    "name",
    [
        "env/pyvenv.cfg",
        "env/lib/x.py",
        ".venv/lib/x.py",
        "lib/site-packages/x.py",
        "node_modules/x/x.yaml",
        "shop/__pycache__/jobs.pyc",
        ".git/config.toml",
        ".ops/operations/a/x.yaml",
        ".dagster/storage/x.yaml",
        ".dlt/.var",
        "data/dlt/x/schemas/x.yaml",
        "data/a.csv",
        "data/a.duckdb",
        "mend.json",
        "p/.cache/x.py",
        "p/logs/sqlmesh.log",
    ],
)
def test_what_is_installed_made_or_data_is_none(root: Path, name: str) -> None:
    before = told(root)
    write(root / "env" / "pyvenv.cfg")
    write(root / name)
    assert told(root) == before


def test_what_git_ignores_is_a_fact_where_it_is_read_all_the_same(root: Path) -> None:
    ignoring(root, "private/", "made/", "*.env", ".env")
    for name in ("p/models/private/a.sql", "p/seeds/private/a.csv", "private/a.py", ".env", "p/.env"):
        write(root / name)
    for name in ("p/made/big.csv", "made/a.yaml", "private/a.toml"):
        write(root / name)
    assert told(root) == {
        "model file config.py",
        "model file models/private/a.sql",
        "model file seeds/private/a.csv",
        "model file .env",
        "code private/a.py",
        "settings .env",
    }


def test_links_are_followed_and_lead_nowhere_twice(root: Path) -> None:
    write(root.parent / "elsewhere" / "models" / "a.sql")
    write(root.parent / "elsewhere" / "package" / "a.py")
    (root / "p" / "models").symlink_to(root.parent / "elsewhere" / "models")
    (root / "package").symlink_to(root.parent / "elsewhere" / "package")
    (root.parent / "elsewhere" / "models" / "above").symlink_to(root.parent / "elsewhere")
    (root / "everything").symlink_to("/")
    (root / "itself").symlink_to(root)
    assert told(root) == {"model file config.py", "model file models/a.sql", "code package/a.py"}


def test_a_project_that_is_the_whole_stack_tells_each_file_once(root: Path) -> None:
    write(root / "invoke.yaml", SETTINGS.replace("project: p", "project: ."))
    for name in ("models/a.sql", "shop/jobs.py", "shop.toml", "contracts/a.yml"):
        write(root / name)
    files = list(basis_files.files(find(root)).values())
    assert sorted(files) == sorted({*files})
    assert {"model file models/a.sql", "model file shop/jobs.py", "settings shop.toml"} <= told(root)


@pytest.mark.parametrize(
    "place",
    [
        "p/plan.yaml",
        "p/models/plan.sql",
        "p/models/deep/plan.csv",
        "contracts/plan.yml",
        "shop/plan.toml",
        "plan.yaml",
        ".dlt/plan.toml",
        "data/a.duckdb.wal",
        "data/dlt/x/plan.json",
    ],
)
def test_a_plan_in_the_way_of_what_it_rests_on_is_refused(root: Path, place: str) -> None:
    for folder in ("p/models/deep", "contracts", "shop", ".dlt", "data/dlt/x"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    with pytest.raises(UsageError):
        basis_files.refuse_place(find(root), root / place)


@pytest.mark.parametrize("place", ["plan.json", "p/plan.json", "contracts/plan", ".plans/plan.yaml", "../plan.yaml"])
def test_elsewhere_it_is_no_fact(root: Path, place: str) -> None:
    (root / "contracts").mkdir()
    before = told(root)
    file = (root / place).resolve()
    basis_files.refuse_place(find(root), file)
    write(file)
    assert told(root) == before
