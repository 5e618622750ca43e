"""`watch.snapshot` where the catalogs are MotherDuck's, run by the line of cron with the token of the account."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from ops_tasks.stack import Stack
from ops_tasks.systems import snapshots
from sandbox.motherduck import server as service
from sandbox.motherduck.server import Server
from tests.watch.conftest import Invoke, bare
from tests.watch.test_cron import cron_runs


@pytest.fixture
def account(small: Stack, tmp_path: Path) -> Server:
    """The small stack's catalogs once more, at the double of the service."""
    made = service.create(tmp_path / "account")
    for name in small.config.databases:
        made.add_database(name)
    text = small.file.read_text(encoding="utf-8").replace("ops:\n", "ops:\n  backend: motherduck\n", 1)
    small.file.write_text(text, encoding="utf-8")
    return made


def named(account: Server) -> set[str]:
    return {one.name for one in account.read().snapshots if one.name}


def test_the_account_s_token_is_read_and_names_are_released(
    small: Stack, account: Server, invoke: Invoke, tmp_path: Path
) -> None:
    (text,) = invoke(small, "watch.units", "--only=snapshot", "--format=cron").document["files"].values()
    line = ["sh", "-c", cron_runs(text.splitlines()[1])]
    assert bare(line, home=tmp_path).returncode != 0, "there is no token"
    assert named(account) == set()

    file = tmp_path / ".config" / "ops-tasks" / "env"
    file.parent.mkdir(parents=True)
    lines = (f"{name}={shlex.quote(value)}\n" for name, value in service.environment(account.folder).items())
    file.write_text("".join(lines), encoding="utf-8")
    for _ in range(2):
        done = bare(line, home=tmp_path)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        (one,) = snapshots.every(small)
        assert named(account) == {f"{one.name}__{name}" for name in small.config.databases}
