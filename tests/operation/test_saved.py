"""A plan in a file: written for its owner alone, read only as it was written, compared as it was shown."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ops_tasks.errors import UsageError
from ops_tasks.operation import saved
from ops_tasks.operation.plan import Effect, Plan, Step


def plan(**changes: Any) -> Plan:
    made = Plan(
        task="ops.restate",
        operation="3f9c2a",
        title="restatement",
        arguments={"days": [1, 2], "share": 0.1},
        steps=(
            Step("snapshot", "Keep", lambda _run: {}, equivalent="invoke snapshot.create --name=x"),
            Step("restate", "Restate", lambda _run: {}),
        ),
        snapshot="snapshot",
        put_back=lambda _run: {},
        effects=(Effect("x", "taken", 10), Effect("mart", "anew")),
        notes=("mind the gap",),
    )
    return replace(made, **changes)


def kept(**changes: Any) -> saved.Saved:
    return saved.of(plan(**changes), "invoke ops.restate", "/s/invoke.yaml", {"rows of a": "1 rows"})


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    one = kept()
    saved.write(one, file)
    assert saved.read(file) == one
    assert json.loads(file.read_text())["schema"] == "ops-plan/1"
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]


@pytest.mark.parametrize("key", ["task", "operation", "title", "arguments", "made", "stack", "basis", "steps", "notes"])
def test_every_key_is_under_the_digest(tmp_path: Path, key: str) -> None:
    file = tmp_path / "plan.json"
    saved.write(kept(), file)
    told = json.loads(file.read_text())
    told[key] = "something else"
    file.write_text(json.dumps(told))
    with pytest.raises(UsageError, match="was changed after it was saved"):
        saved.read(file)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "null", "{", '{"schema": "ops-plan/2"}', '{"schema": "ops-plan/1"}', "\x00", "["],
)
def test_what_is_no_plan_is_a_usage_error_and_stays(tmp_path: Path, text: str) -> None:
    file = tmp_path / "plan.json"
    file.write_text(text)
    with pytest.raises(UsageError):
        saved.read(file)
    with pytest.raises(UsageError):
        saved.write(kept(), file)
    assert file.read_text() == text


def test_an_older_plan_of_ours_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    saved.write(kept(), file)
    saved.write(kept(title="another"), file)
    assert saved.read(file).title == "another"


@pytest.mark.parametrize(
    ("changes", "fact"),
    [
        ({"steps": plan().steps[:1]}, "order of the steps"),
        ({"steps": plan().steps[::-1]}, "order of the steps"),
        ({"steps": (replace(plan().steps[0], equivalent="rm -rf data"), plan().steps[1])}, "step snapshot"),
        ({"steps": (replace(plan().steps[0], title="Keep nothing"), plan().steps[1])}, "step snapshot"),
        ({"effects": (Effect("x", "taken", 11), Effect("mart", "anew"))}, "effect on x"),
        ({"effects": (Effect("x", "taken", 10),)}, "effect on mart"),
    ],
    ids=["fewer-steps", "other-order", "another-command", "another-title", "more-bytes", "fewer-effects"],
)
def test_a_plan_that_would_be_shown_otherwise_differs(changes: dict[str, Any], fact: str) -> None:
    assert saved.differences(saved.shown(kept()), saved.shown(kept())) == []
    told = saved.differences(saved.shown(kept()), saved.shown(kept(**changes)))
    assert fact in {one.fact for one in told}
