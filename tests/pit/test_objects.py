"""What a catalog has besides tables and views comes back as well, and what an older version has kept is still right."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ops_tasks.systems.contents import relations
from tests.conftest import Sandbox
from tests.motherduck.clients import well
from tests.pit.test_incidents import kept
from tests.pit.test_plans import server

MADE = """
c.execute("CREATE MACRO databox.main.plus(a) AS a + 1")
c.execute("CREATE SEQUENCE databox.main.number")
c.execute("CREATE TYPE databox.main.mood AS ENUM ('sad', 'ok')")
"""
LOOK = """
mine = "database_name = 'databox' AND function_name = 'plus'"
print(c.execute(f"SELECT macro_definition FROM duckdb_functions() WHERE {mine}").fetchall())
"""


pytestmark = pytest.mark.rehearsal


@pytest.fixture
def made(remote_sandbox: Sandbox) -> Sandbox:
    """A stack whose catalog has a macro, a sequence and a type, all of them in a snapshot."""
    well(server(remote_sandbox), MADE)
    kept(remote_sandbox)
    return remote_sandbox


def test_a_macro_that_was_replaced_comes_back(made: Sandbox) -> None:
    well(server(made), 'c.execute("CREATE OR REPLACE MACRO databox.main.plus(a) AS a + 2")')
    restored = made.invoke("ops.restore", "--snapshot=nightly", "--yes")
    assert restored.code == 0, restored.err
    assert well(server(made), LOOK).strip() == "[('(a + 1)',)]"


def test_a_snapshot_that_an_older_version_has_taken(made: Sandbox) -> None:
    """It has recorded schemas, tables and views, by names without quotes."""
    file = made.folder / ".ops" / "snapshots" / "nightly" / "manifest.json"
    manifest: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    assert {'macro "main"."plus"', 'sequence "main"."number"', 'type "main"."mood"'} < set(
        manifest["content"]["databox"]
    )
    assert not any('"' in name for name in manifest["rows"])
    older = {name: relations(content) for name, content in manifest["content"].items()}
    file.write_text(json.dumps(manifest | {"content": older}), encoding="utf-8")
    verified = made.invoke("snapshot.verify", "--name=nightly")
    assert verified.code == 0, verified.err
    planned = made.invoke("ops.restore", "--snapshot=nightly", "--plan")
    assert planned.code == 0, planned.err
    assert planned.document["foreseen"] == {}
