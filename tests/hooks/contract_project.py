"""A SQLMesh project with one mart, and its good contract."""

from __future__ import annotations

from pathlib import Path

CONFIG = "gateways: {local: {connection: {type: duckdb}}}\nmodel_defaults: {dialect: duckdb, start: 2026-01-01}\n"
DAILY = "MODEL (\n  name ebird.daily,\n  kind FULL\n);\n\nSELECT id, day FROM raw.main.events\n"
HEAD = "dataset: databox/ebird/daily\ncolumns:\n  - name: id\n  - name: day\n"
ROWS = "  - row_count:\n"
FRESH = "  - freshness: {column: day, threshold: {must_be_less_than: 9}}\n"
GOOD = f"{HEAD}checks:\n{ROWS}{FRESH}"


def write(root: Path, name: str, text: str | bytes) -> Path:
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file
