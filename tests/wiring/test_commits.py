"""A real `git commit` through a real pre-commit: what is unsafe does not land."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from tests.wiring.conftest import CONTRACT, ROOT, Repository


def database(top: Path) -> None:
    with duckdb.connect(str(top / "numbers.csv")) as connection:
        connection.execute("create table t as select 1 as x")


def large(top: Path) -> None:
    (top / "dump.txt").write_text("x" * 600_000)


def breaking(top: Path) -> None:
    (top / "contracts" / "orders.yml").write_text(CONTRACT.replace("name: id", "name: order_id"))


def restating(top: Path) -> None:
    (top / "nightly.sh").write_text("#!/bin/sh\nsqlmesh plan prod \\\n  --restate-model shop.orders\n")


OFFENCES = [
    (database, "DuckDB", "numbers.csv"),
    (large, "500", "dump.txt"),
    (breaking, "COLUMN_RENAMED", "contracts/orders.yml"),
    (restating, "restates without the guard", "nightly.sh"),
]


@pytest.mark.parametrize(("offend", "told", "file"), OFFENCES, ids=[offend.__name__ for offend, _, _ in OFFENCES])
def test_a_commit_is_blocked(repository: Repository, offend: Callable[[Path], None], told: str, file: str) -> None:
    before = repository.git("rev-parse", "HEAD").stdout
    offend(repository.top)
    ran = repository.commit()
    assert ran.returncode == 1
    assert told in ran.stdout + ran.stderr
    assert file in ran.stdout + ran.stderr
    assert repository.git("rev-parse", "HEAD").stdout == before


def test_a_harmless_commit_lands(repository: Repository) -> None:
    (repository.top / "notes.md").write_text("`sqlmesh plan --restate-model x` is for ops.restate only\n")
    (repository.top / "contracts" / "orders.yml").write_text(CONTRACT + "  - schema:\n")
    ran = repository.commit()
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_an_accepted_break_lands(repository: Repository) -> None:
    breaking(repository.top)
    (repository.top / "ops-acks.yaml").write_text(
        "- {dataset: shop/main/orders, rule: COLUMN_RENAMED, reason: nobody reads it yet, expires: 2999-01-01}\n"
    )
    ran = repository.commit()
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.fixture(scope="module")
def offered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This repository as another one would fetch it: everything that is tracked, in one commit."""
    folder = tmp_path_factory.mktemp("offered") / "ops-tasks"
    folder.mkdir()
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in listed.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
    made = Repository(folder)
    made.git("init", "--quiet")
    assert made.commit("all").returncode == 0
    return folder


@pytest.mark.rehearsal
@pytest.mark.parametrize(
    ("hook", "offend", "told"),
    [("ops-large-files", database, "DuckDB"), ("ops-schema-gate", breaking, "COLUMN_RENAMED")],
    ids=["large-files", "schema-gate"],
)
def test_another_repository_tries_a_hook(
    repository: Repository, offered: Path, hook: str, offend: Callable[[Path], None], told: str
) -> None:
    """`language: python` and the package index alone: pre-commit builds the hook's environment from the manifest."""
    offend(repository.top)
    repository.git("add", "--all")
    ran = repository.run("pre-commit", "try-repo", str(offered), hook, "--all-files", PYTHONPATH="")
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert told in ran.stdout
