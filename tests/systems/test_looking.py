"""Looking at a file keeps nobody from writing, takes no longer than it may, and tells a torn log from a whole one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from ops_tasks.errors import StepFailed
from ops_tasks.systems.health_worker import examine
from ops_tasks.systems.history_worker import keep, look
from ops_tasks.systems.worker import Worker

WRITE = "import duckdb, sys; duckdb.connect(sys.argv[1]).execute('CREATE TABLE more AS SELECT 1 AS one')"
DIE = """
import duckdb, os, sys
connection = duckdb.connect(sys.argv[1])
for number in range(5):
    connection.execute("INSERT INTO numbers SELECT 1000 + i FROM range(50) AS t(i)")
os.kill(os.getpid(), 9)
"""
LOOK = """
import sys
from ops_tasks.systems import duck_worker
if sys.argv[2] == "polite":
    duck_worker.be_polite()
with duck_worker.attached({"house": sys.argv[1]}) as connection:
    connection.execute("SELECT sum(i) FROM house.numbers").fetchall()
    print("looking", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def house(tmp_path: Path) -> Path:
    file = tmp_path / "house.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute("CREATE TABLE numbers AS SELECT i FROM range(1000) AS t(i)")
        connection.execute(
            "CREATE TABLE days AS SELECT DATE '2026-04-01' + CAST(i AS INT) AS day FROM range(10) AS t(i)"
        )
    return file


@pytest.mark.parametrize(("manner", "kept_out"), [("polite", False), ("ordinary", True)])
def test_a_polite_look_keeps_nobody_out(house: Path, manner: str, kept_out: bool) -> None:
    command = [sys.executable, "-c", LOOK, str(house), manner]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as looker:
        assert looker.stdout is not None and looker.stdout.readline() == "looking\n"
        written = subprocess.run([sys.executable, "-c", WRITE, str(house)], capture_output=True, text=True, check=False)
        looker.communicate("")
    assert (written.returncode != 0) == kept_out, written.stderr


def test_a_probe_that_hangs_is_given_up(tmp_path: Path) -> None:
    with Worker("health", cwd=tmp_path, limit=2) as worker:
        assert worker.call("examine", files=[]) == {}
        os.kill(worker._process.pid, signal.SIGSTOP)  # pyright: ignore[reportPrivateUsage]
        with pytest.raises(StepFailed, match="did not answer within 2 s"):
            worker.call("examine", files=[])


def test_a_log_that_a_killed_writer_left_is_whole_until_it_is_cut(house: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", DIE, str(house)], check=False)
    assert killed.returncode == -signal.SIGKILL
    log = house.with_name("house.duckdb.wal")

    whole = examine([str(house)])[str(house)]
    assert whole["wal"] == log.stat().st_size
    assert whole["wal_torn"] == 0

    log.write_bytes(log.read_bytes()[:-7])
    assert examine([str(house)])[str(house)]["wal_torn"] > 0


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    file = tmp_path / "nowhere.duckdb"
    assert not examine([str(file)])[str(file)]["exists"]
    assert list(tmp_path.iterdir()) == []


def test_tables_are_looked_at_and_kept_one_by_one(house: Path, tmp_path: Path) -> None:
    asked: dict[str, tuple[str, str | None]] = {"d": ("house.main.days", None), "n": ("house.main.numbers", None)}
    seen = look({"house": str(house)}, {**asked, "gone": ("house.main.nothing", None)})
    assert seen["d"] == {"rows": 10, "days": 10, "first": "2026-04-01", "last": "2026-04-10", "problem": ""}
    assert seen["n"] == {"rows": 1000, "days": 0, "first": None, "last": None, "problem": ""}
    assert "gone" not in seen

    kept = tmp_path / "kept.duckdb"
    assert keep({"house": str(house)}, {"n": "house.main.numbers"}, str(kept)) == {"n": 1000}
    assert keep({"house": str(house)}, {"n": "house.main.numbers"}, str(kept)) == {"n": 1000}
    with duckdb.connect(str(kept), read_only=True) as connection:
        assert connection.execute("SELECT count(*), sum(i) FROM n").fetchall() == [(1000, 499500)]


def test_a_broken_table_does_not_hide_the_others(house: Path) -> None:
    with duckdb.connect(str(house)) as connection:
        rows = connection.execute(
            "SELECT DISTINCT block_id FROM pragma_storage_info('numbers') WHERE persistent"
        ).fetchall()
    block = max(number for (number,) in rows if number >= 0)
    content = bytearray(house.read_bytes())
    content[3 * 4096 + block * 262144 + 200] ^= 1
    house.write_bytes(content)

    seen = look({"house": str(house)}, {"d": ("house.main.days", None), "n": ("house.main.numbers", None)})

    assert seen["n"]["problem"]
    assert seen["d"]["rows"] == 10 or seen["d"]["problem"]


def test_nothing_can_be_looked_at_in_what_is_no_database(tmp_path: Path) -> None:
    file = tmp_path / "house.duckdb"
    file.write_bytes(b"no database" * 4096)
    assert look({"house": str(file)}, {"n": ("house.main.numbers", None)})["n"]["problem"]
