"""For your own Dagster definitions: a sensor that sees missed SLAs, and Soda contracts as checks that block.

`freshness_violation_sensor()` and `soda_asset_checks(assets)` go into `Definitions` like anything of Dagster's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ops_tasks.dagster.freshness_sensor import Violation as Violation
    from ops_tasks.dagster.freshness_sensor import freshness_violation_sensor as freshness_violation_sensor
    from ops_tasks.dagster.soda_checks import soda_asset_checks as soda_asset_checks

__all__ = ["Violation", "freshness_violation_sensor", "soda_asset_checks"]


def __getattr__(name: str) -> Any:
    # Dagster takes half a second to import; who only asks for the package does without it.
    if name in ("Violation", "freshness_violation_sensor"):
        from ops_tasks.dagster import freshness_sensor

        return getattr(freshness_sensor, name)
    if name == "soda_asset_checks":
        from ops_tasks.dagster import soda_checks

        return soda_checks.soda_asset_checks
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
