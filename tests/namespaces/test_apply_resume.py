"""A saved resumption: the gap as it was, or a refusal that names what the scheduler has done since."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scheduler.conftest import Outage
from tests.scheduler.conftest import outage as outage
from tests.scheduler.conftest import stood_still as stood_still

pytestmark = [pytest.mark.rehearsal, pytest.mark.timeout(480)]


def test_a_resumption_is_applied_as_it_was_saved(outage: Outage, tmp_path: Path) -> None:
    file, before, stored = tmp_path / "resume.json", outage.hashes(), outage.stored()
    planned = outage.invoke("ops.resume", f"--plan-out={file}")
    assert planned.code == 0, planned.err
    looked = outage.invoke("ops.apply", str(file), "--plan")
    assert looked.code == 0, looked.err
    assert (outage.hashes(), outage.stored()) == (before, stored)

    applied = outage.invoke("ops.apply", str(file))
    assert applied.code == 0, applied.err
    assert applied.document["task"] == "ops.apply"
    assert outage.differences() == []
    again = outage.invoke("ops.apply", str(file))
    assert again.code == 3, again.err


def test_what_was_turned_off_or_rewritten_since_is_named(outage: Outage, tmp_path: Path) -> None:
    file = tmp_path / "resume.json"
    assert outage.invoke("ops.resume", f"--plan-out={file}").code == 0
    outage.ticked({}, "ebird_daily_schedule")
    definitions = outage.folder / "databox" / "definitions.py"
    definitions.write_text(definitions.read_text() + "# other jobs\n")
    before, stored = outage.hashes(), outage.stored()
    refused = outage.invoke("ops.apply", str(file))
    assert refused.code == 3, refused.err
    reasons = [found["reason"] for found in refused.document["findings"]]
    assert any(one.startswith("schedule ebird_daily_schedule: on at ") for one in reasons), reasons
    assert any(one.startswith("code databox/definitions.py: ") for one in reasons), reasons
    assert (outage.hashes(), outage.stored()) == (before, stored)
