"""A stack whose catalogs are MotherDuck's: the strict double of the service keeps them in `.sandbox/motherduck`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from sandbox.api import state as states
from sandbox.tree import PIPELINES

if TYPE_CHECKING:
    from sandbox.motherduck.server import Server

LOCAL, MOTHERDUCK = "local", "motherduck"
BACKENDS = (LOCAL, MOTHERDUCK)
PLANS = ("business", "lite", "free")
CATALOGS = ("databox", "raw_ebird", "raw_noaa", "raw_usgs")
PREFIX = "md:"
FOLDER = "motherduck"


def of(folder: Path) -> Path | None:
    """The folder of a stack's account, None where the catalogs are local files."""
    account = folder / states.FOLDER / FOLDER
    return account if account.is_dir() else None


def backend(folder: Path) -> str:
    """Where the catalogs of a stack are: `local` or `motherduck`."""
    return MOTHERDUCK if of(folder) else LOCAL


def plan(folder: Path) -> str | None:
    """The plan of a stack's account, None where the catalogs are local files."""
    account = of(folder)
    return None if account is None else opened(account).plan


def address(catalog: str) -> str:
    """What DuckDB connects to for a catalog of the account."""
    return f"{PREFIX}{catalog}"


def environment(folder: Path) -> dict[str, str]:
    """What the stack's commands need in their environment beyond the usual: nothing where the catalogs are local."""
    account = of(folder)
    if account is None:
        return {}
    from sandbox.motherduck import server

    return server.environment(account)


def file_of(folder: Path, catalog: str) -> Path:
    """The DuckDB file in which a catalog of a stack is kept; raises `ValueError` for one that the account has lost."""
    account = of(folder)
    return folder / "data" / f"{catalog}.duckdb" if account is None else opened(account).file_of(catalog)


def opened(account: Path) -> Server:
    """The server of an account."""
    from sandbox.motherduck.server import Server

    return Server(account)


def move(folder: Path, plan: str) -> None:
    """Make a local stack one of MotherDuck's: a new account gets its four databases, and the files of these go.

    SQLMesh's state and dlt's working state stay where they are.
    """
    from sandbox.motherduck import server

    made = server.create(folder / states.FOLDER / FOLDER, plan=plan)
    for catalog in CATALOGS:
        made.add_database(catalog, folder / "data" / f"{catalog}.duckdb")
    _say_so(folder)
    _point_dlt(folder)
    for catalog in CATALOGS:
        (folder / "data" / f"{catalog}.duckdb").unlink()


def _say_so(folder: Path) -> None:
    """Write the backend into `databox.toml` and `invoke.yaml`."""
    with (folder / "databox.toml").open("a", encoding="utf-8") as file:
        file.write(f'backend = "{MOTHERDUCK}"\n')
    config = folder / "invoke.yaml"
    head, key, rest = config.read_text(encoding="utf-8").partition("\nops:\n")
    config.write_text(f"{head}{key}  backend: {MOTHERDUCK}\n{rest}", encoding="utf-8")


def _point_dlt(folder: Path) -> None:
    """Name the new destination in dlt's working state.

    The state's hash stays, so that dlt neither warns nor takes the destination's copy of the state instead; its next
    load sends the new version there.
    """
    for file in sorted((folder / PIPELINES).glob("*/state.json")):
        state = cast("dict[str, Any]", json.loads(file.read_text(encoding="utf-8")))
        state["destination_type"] = f"dlt.destinations.{MOTHERDUCK}"
        file.write_text(json.dumps(state, separators=(",", ":")), encoding="utf-8")
