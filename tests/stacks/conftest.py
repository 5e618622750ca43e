"""The shop: a stack that is unlike the sandbox in everything that can differ. Loaded and planned once, then copied."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.conftest import Ran, Sandbox, finish
from tests.stacks.shop_api import Api, orders, parcels, serving

HERE = Path(__file__).parent
DAYS = 40
SQLMESH = str(Path(sys.executable).parent / "sqlmesh")


@dataclass(frozen=True)
class Shop(Sandbox):
    """A copy of the shop, with its server."""

    api: Api

    @property
    def today(self) -> date:
        """The day after the last one that was sold on."""
        return self.api.last + timedelta(days=1)

    def invoke(self, *words: str, json_output: bool = True, env: dict[str, str] | None = None) -> Ran:
        """Run `invoke TASK --stack=...` as a user would."""
        told = {"SHOP_API": self.api.url, "PYTHON": sys.executable} | (env or {})
        return super().invoke(*words, json_output=json_output, env=told)

    def init(self, *words: str, env: dict[str, str] | None = None) -> Ran:
        """`invoke ops.init --dir=...`."""
        return finish([sys.executable, "-m", "invoke", "ops.init", f"--dir={self.folder}", "--json", *words], env=env)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of the one database."""
        with duckdb.connect(str(self.folder / "var" / "shop.db"), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def change(self, sql: str) -> None:
        """Write into the database behind everybody's back."""
        with duckdb.connect(str(self.folder / "var" / "shop.db")) as connection:
            connection.execute(sql)

    def differences(self) -> list[Any]:
        """Days on which a raw table or a mart is not what the shop's server says."""
        found: list[Any] = []
        sold = {day: len(list(orders(day))) for day in self.api.days()}
        sent = {day: len(list(parcels(day))) for day in self.api.days()}
        counted = {
            "landing.orders": ("strptime(placed, '%Y%m%d')::DATE", "count(*)", sold),
            "landing.parcels": ("left_at::DATE", "count(*)", sent),
            "sales.by_day": ("placed_on", "sum(orders)::INT", sold),
            "sales.parcels_by_day": ("left_on", "sum(parcels)::INT", sent),
        }
        for table, (day_of, number, expected) in counted.items():
            there = dict(self.ask(f"SELECT {day_of}, {number} FROM {table} GROUP BY 1"))
            days = sorted({*expected, *there})
            found += [
                (table, str(day), there.get(day, 0), expected.get(day, 0))
                for day in days
                if there.get(day, 0) != expected.get(day, 0)
            ]
        return found

    def hashes(self) -> dict[str, str]:
        """Every file of the state set."""
        from hashlib import sha256

        return {path.name: sha256(path.read_bytes()).hexdigest() for path in (self.folder / "var").iterdir()}


def environment(api: Api) -> dict[str, str]:
    """What the shop's own commands need."""
    return os.environ | {"SHOP_API": api.url, "PYTHON": sys.executable}


@pytest.fixture(scope="session")
def period() -> tuple[date, date]:
    """The first and the last day of business."""
    today = datetime.now(UTC).date()
    return today - timedelta(days=DAYS), today - timedelta(days=1)


@pytest.fixture(scope="session")
def shop_made(tmp_path_factory: pytest.TempPathFactory, period: tuple[date, date]) -> Path:
    """The shop with its data, its marts and a repository, and without any configuration of this suite."""
    folder = tmp_path_factory.mktemp("shop") / "shop"
    shutil.copytree(HERE / "shop", folder)
    (folder / "var").mkdir()
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    with serving(Api(*period)) as api:
        for command in (["bin/pull.sh"], [SQLMESH, "-p", "elt", "plan", "--auto-apply", "--no-prompts"]):
            subprocess.run(command, cwd=folder, env=environment(api), check=True, capture_output=True)
    shutil.rmtree(folder / "logs", ignore_errors=True)
    return folder


@pytest.fixture
def bare_shop(shop_made: Path, period: tuple[date, date], tmp_path: Path) -> Iterator[Shop]:
    """A copy of it that nobody has described yet."""
    shutil.copytree(shop_made, tmp_path / "shop")
    with serving(Api(*period)) as api:
        yield Shop(tmp_path / "shop", api)


@pytest.fixture(scope="session")
def shop_described(shop_made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop as `ops.init` leaves it."""
    folder = tmp_path_factory.mktemp("described") / "shop"
    shutil.copytree(shop_made, folder)
    made = finish([sys.executable, "-m", "invoke", "ops.init", f"--dir={folder}", "--yes", "--json"])
    assert made.code == 0, made.err
    return folder


@pytest.fixture
def shop(shop_described: Path, period: tuple[date, date], tmp_path: Path) -> Iterator[Shop]:
    """A described copy of the test's own."""
    shutil.copytree(shop_described, tmp_path / "shop")
    with serving(Api(*period)) as api:
        yield Shop(tmp_path / "shop", api)
