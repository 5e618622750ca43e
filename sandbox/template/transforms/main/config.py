"""The SQLMesh project: marts in one catalog, raw data in one catalog per source, state in a file of its own."""

import os
import sys
from pathlib import Path

from sqlmesh.core.config import Config, DuckDBConnectionConfig, GatewayConfig, ModelDefaultsConfig
from sqlmesh.core.config.connection import ConnectionConfig, DuckDBAttachOptions, MotherDuckConnectionConfig

ROOT = Path(os.environ.get("DATABOX_ROOT") or Path(__file__).resolve().parents[2])
sys.path.insert(0, str(ROOT))

from databox import settings  # noqa: E402 - found through the line above


def connection() -> ConnectionConfig:
    """The connection to every catalog; the state is a local file on both backends."""
    if settings.backend() == "motherduck":
        return MotherDuckConnectionConfig(catalogs=settings.catalogs())
    return DuckDBConnectionConfig(
        catalogs={
            name: DuckDBAttachOptions(type="duckdb", path=path, read_only=name != "databox")
            for name, path in settings.catalogs().items()
        }
    )


config = Config(
    default_gateway="local",
    gateways={
        "local": GatewayConfig(
            connection=connection(),
            state_connection=DuckDBConnectionConfig(database=str(settings.database("sqlmesh_state"))),
        )
    },
    model_defaults=ModelDefaultsConfig(dialect="duckdb", start=settings.settings()["start"], cron="@daily"),
    disable_anonymized_analytics=True,
)
