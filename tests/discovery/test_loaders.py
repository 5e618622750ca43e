"""What loads a source: functions that make dlt sources, and commands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ops_tasks.discovery.loaders import best, commands, factories
from ops_tasks.discovery.sources import Source, facts
from ops_tasks.discovery.tree import grow

SOURCES = """
import dlt
from dlt.extract.source import DltSource

@dlt.source(name="shop")
def shop_source(key=dlt.secrets.value, days_back: int = 30): ...

@dlt.source
def needs_something(region): ...

def weather() -> DltSource: ...

def helper():
    return 1

def inner():
    @dlt.source(name="gauges")
    def made(): ...
    return made()
"""


def write(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_functions_that_make_sources(tmp_path: Path) -> None:
    (tmp_path / "src" / "box").mkdir(parents=True)
    (tmp_path / "src" / "box" / "__init__.py").write_text("")
    (tmp_path / "src" / "box" / "loads.py").write_text(SOURCES)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_loads.py").write_text(SOURCES)
    found = {one.path: one for one in factories(grow(tmp_path))}
    assert sorted(found) == ["box.loads:inner", "box.loads:shop_source", "box.loads:weather"]
    assert {"shop", "shop_source", "loads"} <= found["box.loads:shop_source"].names
    assert found["box.loads:shop_source"].takes == ("days_back",)
    assert "gauges" in found["box.loads:inner"].names
    assert found["box.loads:weather"].on == tmp_path / "src"


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("Taskfile.yml", "tasks:\n  load:orders: python3 -m load orders\n", ["python", "-m", "load", "orders"]),
        ("Makefile", "load-orders:\n\t@python -m box.load orders\n", ["python", "-m", "box.load", "orders"]),
        ("Makefile", "load-orders:\n\tcd x && python -m box.load orders | tee log\n", ["make", "load-orders"]),
        ("Makefile", "marts:\n\tsqlmesh run orders\n", None),
        ("pull_orders.sh", "curl orders\n", ["sh", "pull_orders.sh"]),
        ("fetch_orders.py", "if __name__ == '__main__': orders()\n", ["python", "fetch_orders.py"]),
        ("report_orders.py", "if __name__ == '__main__': orders()\n", None),
    ],
)  # fmt: skip
def test_commands(tmp_path: Path, name: str, text: str, words: list[str] | None) -> None:
    (tmp_path / name).write_text(text)
    chosen, why = best(commands(grow(tmp_path)), "orders", ["orders"])
    assert [list(one.words) for one in chosen] == ([words] if words else [])
    assert ("orders" in why) is bool(words)


def test_what_a_task_runs_is_read(tmp_path: Path) -> None:
    (tmp_path / "Taskfile.yml").write_text(
        "version: '3'\ntasks:\n  pull:\n    cmds: [bin/pull.sh]\n  push:\n    cmds: [bin/pull.sh x]\n"
    )
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "pull.sh").write_text("exec python3 bin/into.py\n")
    (tmp_path / "bin" / "into.py").write_text("INSERT INTO landing.orders\n")
    chosen, why = best(commands(grow(tmp_path)), "landing", ["orders"])
    assert chosen[0].words == ("./bin/pull.sh",)
    assert [path.name for path in chosen[0].files] == ["pull.sh", "into.py"]
    assert "landing, orders" in why


@pytest.mark.parametrize("words", ["--api-key=sk-live-99887766554433", "https://me:hunter2supersecret@host/x"])
def test_a_command_with_a_secret_is_asked_for(words: str, tmp_path: Path) -> None:
    tree = grow(write(tmp_path, Makefile=f"load_a:\n\tpython fetch_a.py raw_a {words}\n"))
    source = Source("a", "wh", "raw_a", None, {})
    looked: dict[str, Any] = {"wh": {"tables": {"raw_a": {}}}}
    found = list(facts(tree, source, looked, {}, []))
    assert words not in repr(found)
    assert (found[-1].key[-1], found[-1].value) == ("load", None)
    assert found[-1].question.endswith("Makefile: load_a has a secret in its words: take it from the environment")
