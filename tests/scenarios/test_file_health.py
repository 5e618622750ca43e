"""What is said of a file beside its damage."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from ops_tasks.scenarios.file_health import examine
from ops_tasks.stack import find
from ops_tasks.systems.crew import Crew

SEEN: dict[str, Any] = {
    "exists": True,
    "problem": "",
    "damaged": [],
    "wal": None,
    "holder": None,
    "size": 9,
    "blocks": 8,
}


class Hands:
    """Workers that have found a block that nothing uses and that has a wrong checksum."""

    def call(self, system: str, _function: str, **arguments: Any) -> Any:
        """What the worker of that system answers."""
        if system == "health":
            return {file: SEEN | {"doubtful": [3]} for file in arguments["files"]}
        return {"cause": "", "message": "", "free_blocks": 1}


def test_leftovers_in_a_free_block_are_told_calmly(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "config.yaml").write_text("")
    (tmp_path / "invoke.yaml").write_text("ops: {databases: {house: house.duckdb}, sqlmesh: {project: project}}\n")
    (found,) = examine(find(str(tmp_path)), cast("Crew", Hands()))
    assert found.causes == ()
    assert found.notes == ("1 of 8 blocks are free", "leftovers in 1 free block: harmless")
