"""How `duckdb-2.0.0.duckdb.xz` was made: `pip install duckdb==2.0.0`, then `python make_duckdb_2.py`.

Uncompressed numbers make blocks that are full and an archive that is small.
"""

from __future__ import annotations

import lzma
from pathlib import Path

import duckdb

HERE = Path(__file__).parent
STATEMENTS = (
    "SET force_compression = 'uncompressed'",
    "CREATE TABLE kept (n BIGINT PRIMARY KEY, word VARCHAR)",
    "INSERT INTO kept SELECT range, 'word ' || range % 5 FROM range(1000)",
    "CREATE INDEX by_word ON kept (word)",
    "CREATE TABLE gone AS SELECT range // 10_000 AS n FROM range(100_000)",
    "CREATE TABLE changed AS SELECT range // 10_000 AS n, 1 AS k FROM range(150_000)",
    "CHECKPOINT",
    "DROP TABLE gone",
    "DELETE FROM changed WHERE n = 7",
    "UPDATE changed SET k = 2 WHERE n = 5",
    "CHECKPOINT",
)


def main() -> None:
    """Write the file, and nothing else."""
    path = HERE / "duckdb-2.0.0.duckdb"
    with duckdb.connect(path) as connection:
        for statement in STATEMENTS:
            connection.execute(statement)
    (HERE / f"{path.name}.xz").write_bytes(lzma.compress(path.read_bytes(), preset=9 | lzma.PRESET_EXTREME))
    path.unlink()


if __name__ == "__main__":
    main()
