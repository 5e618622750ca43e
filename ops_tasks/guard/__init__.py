"""No restatement of production data without a recent verified snapshot.

`install(config)` as the last line of a SQLMesh `config.py` puts the guard on every gateway; `patch(__file__)` in a file
of `macros/` does it for a project with a YAML configuration. It is a guard rail, not a security boundary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ops_tasks.guard.evidence import Permit as Permit
    from ops_tasks.guard.evidence import permit as permit
    from ops_tasks.guard.plans import install as install
    from ops_tasks.guard.plans import patch as patch

__all__ = ["Permit", "install", "patch", "permit"]


def __getattr__(name: str) -> Any:
    # SQLMesh takes a second to import; who only asks for a permit does without it.
    if name in ("install", "patch"):
        from ops_tasks.guard import plans

        return getattr(plans, name)
    if name in ("Permit", "permit"):
        from ops_tasks.guard import evidence

        return getattr(evidence, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
