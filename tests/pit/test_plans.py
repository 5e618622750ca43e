"""Plans of MotherDuck without names, retention and its edge, and what is given up when a snapshot goes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sandbox import account, breaks, stacks
from sandbox.api.server import serve
from sandbox.motherduck.server import Server
from tests.conftest import Sandbox
from tests.pit.test_incidents import kept, leftovers, there_and_back

OURS = {"databox", "raw_ebird", "raw_noaa", "raw_usgs"}


def server(sandbox: Sandbox) -> Server:
    """The account of a stack."""
    found = account.of(sandbox.folder)
    assert found is not None
    return account.opened(found)


def names(sandbox: Sandbox) -> set[str | None]:
    """Names of snapshots at MotherDuck."""
    return {one.name for one in server(sandbox).read().snapshots if one.name}


@pytest.fixture(params=["lite", "free"])
def poor(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sandbox]:
    """A stack on a plan without names."""
    folder = tmp_path / "stack"
    stacks.up(folder, backend="motherduck", plan=request.param, serve=False, validate=False)
    with serve(folder):
        yield Sandbox(folder)


@pytest.mark.rehearsal
def test_a_plan_without_names(poor: Sandbox) -> None:
    kept(poor)
    assert names(poor) == set()
    assert {f"{name}__nightly" for name in OURS} <= set(server(poor).databases())
    breaks.apply("mass-delete", poor.folder)
    there_and_back(poor, poor.hashes(), "--snapshot=nightly")
    assert leftovers(poor.folder) == []


def test_on_the_free_plan_nothing_is_remembered(tmp_path: Path) -> None:
    folder = tmp_path / "stack"
    stacks.up(folder, backend="motherduck", plan="free", serve=False, validate=False)
    sandbox = Sandbox(folder)
    breaks.apply("dropped-view", folder)
    listed = sandbox.invoke("snapshot.list")
    assert listed.code == 0, listed.err
    assert len(listed.document["motherduck"]["moments"]) == 1, "the present"
    moment = datetime.now(UTC) - timedelta(minutes=5)
    refused = sandbox.invoke("ops.restore", f"--at={moment:%Y-%m-%d %H:%M}", "--yes")
    assert refused.code == 2
    assert "nothing is left" in refused.document["findings"][0]["reason"]


def test_what_goes_is_given_up_there_too(remote_sandbox: Sandbox) -> None:
    kept(remote_sandbox, "first")
    kept(remote_sandbox, "second")
    assert len(names(remote_sandbox)) == 2 * len(OURS)
    pruned = remote_sandbox.invoke("snapshot.prune", "--keep-last=1", "--yes")
    assert pruned.code == 0, pruned.err
    assert names(remote_sandbox) == {f"second__{name}" for name in OURS}
    assert set(server(remote_sandbox).databases()) == OURS


def test_a_name_that_somebody_has(remote_sandbox: Sandbox) -> None:
    before, there = remote_sandbox.hashes(), server(remote_sandbox)
    with there.locked() as catalog:
        theirs = catalog.database("raw_usgs")
        assert theirs is not None
        there.capture(catalog, theirs, "nightly__raw_usgs")
    refused = remote_sandbox.invoke("snapshot.create", "--name=nightly")
    assert refused.code == 2, refused.err
    assert "nightly__raw_usgs" in refused.document["findings"][0]["reason"]
    assert names(remote_sandbox) == {"nightly__raw_usgs"}
    assert remote_sandbox.hashes() == before
    assert not (remote_sandbox.folder / ".ops" / "snapshots" / "nightly").exists()


@pytest.mark.parametrize("inside", [True, False], ids=["just inside", "just outside"])
def test_the_edge_of_the_retention(remote_sandbox: Sandbox, *, inside: bool) -> None:
    there, moment = server(remote_sandbox), datetime.now(UTC)
    breaks.apply("dropped-view", remote_sandbox.folder)
    there.capture_all()
    ended = max(one.superseded for one in there.snapshots("databox") if one.superseded)
    margin = timedelta(minutes=-2) if inside else timedelta(minutes=2)
    there.set_now(datetime.fromisoformat(ended) + timedelta(days=7) + margin)
    asked = remote_sandbox.invoke("ops.restore", f"--at={moment:%Y-%m-%d %H:%M:%S.%f}", "--plan")
    if inside:
        assert asked.code == 0, asked.err
        assert "MotherDuck forgets it: expires in" in asked.err
    else:
        assert asked.code == 2, asked.err
        assert "the oldest is of" in asked.document["findings"][0]["way_out"]
