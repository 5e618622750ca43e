"""A secret that is the same as a name of the stack neither leaks nor spoils a journal."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Sandbox


def test_a_password_that_is_a_catalog_leaves_a_journal_that_can_be_retried(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_PASSWORD", "databox")
    day = sandbox.today - timedelta(days=10)
    sandbox.fault("corrected", "ebird", day, day)
    words = ("ops.backfill", "--source=ebird", f"--start={day}", f"--end={day}", "--yes")
    sandbox.killed("started", "restate", *words)
    retried = sandbox.invoke("ops.retry", sandbox.last_operation()["operation"], "--yes")
    assert retried.code == 0, retried.err
    assert sandbox.differences() == []


def test_a_password_that_is_another_name_of_the_plan_is_refused(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_PASSWORD", "fct_daily_bird_observations")
    day = sandbox.today - timedelta(days=10)
    before = sandbox.hashes()
    refused = sandbox.backfill(start=day, end=day)
    assert refused.code == 2
    assert "same as a name in this plan" in refused.document["findings"][0]["reason"]
    assert sandbox.hashes() == before
    assert sandbox.invoke("ops.history").document["operations"] == []


@pytest.mark.rehearsal
def test_a_secret_in_a_load_command_is_refused_before_anything_is_written(sandbox: Sandbox) -> None:
    file = sandbox.folder / "invoke.yaml"
    secret = "-".join(["tok", "9988776655"])
    text = file.read_text(encoding="utf-8")
    changed = text.replace("databox.load, noaa]", f"databox.load, noaa, --token, {secret}]")
    assert changed != text
    file.write_text(changed, encoding="utf-8")
    day = sandbox.today - timedelta(days=10)
    refused = sandbox.backfill(f"--plan-out={sandbox.folder / 'plan.json'}", source="noaa", start=day, end=day)
    assert refused.code == 2
    finding = refused.document["findings"][0]
    assert "the load command of noaa holds a secret (--token)" in finding["reason"]
    assert secret not in refused.out + refused.err
    assert not (sandbox.folder / "plan.json").exists()
    assert sandbox.invoke("ops.history").document["operations"] == []
