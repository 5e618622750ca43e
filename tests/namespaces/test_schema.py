"""The gates as tasks: the same verdicts as the hooks, in the documents and exit codes of every task."""

from __future__ import annotations

import subprocess

from tests.conftest import Sandbox


def git(sandbox: Sandbox, *words: str) -> None:
    who = ["-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *words], cwd=sandbox.folder, check=True, capture_output=True)


def test_gate_and_lint(sandbox: Sandbox) -> None:
    git(sandbox, "init", "--quiet")
    git(sandbox, "add", "contracts")
    git(sandbox, "commit", "--quiet", "--message=x")
    same = sandbox.invoke("schema.gate", "--base=HEAD")
    assert (same.code, same.document["status"], same.document["compared"]) == (0, "ok", 8)
    clean = sandbox.invoke("schema.lint")
    assert (clean.code, clean.document["status"]) == (0, "ok"), clean.out

    contract = sandbox.folder / "contracts" / "usgs" / "fct_daily_streamflow.yml"
    contract.write_text(contract.read_text().replace("discharge_cfs", "discharge"))
    broken = sandbox.invoke("schema.gate", "--base=HEAD")
    assert (broken.code, broken.document["status"]) == (1, "findings")
    assert [one["rule"] for one in broken.document["findings"]] == ["COLUMN_RENAMED"]
    wrong = sandbox.invoke("schema.lint")
    assert (wrong.code, wrong.document["findings"][0]["rule"]) == (1, "COLUMN_UNKNOWN")
    told = sandbox.invoke("schema.gate", "--base=HEAD", json_output=False)
    assert "accept-breaking-change: databox/usgs/fct_daily_streamflow COLUMN_RENAMED -- <reason>" in told.out

    lost = sandbox.invoke("schema.gate", "--base=nowhere")
    assert lost.code == 2
    assert "no commit 'nowhere'" in lost.document["findings"][0]["reason"]
    contract.write_text("dataset: [\n")
    assert sandbox.invoke("schema.lint").code == 2
