"""`python kill_at.py EVENT STEP TASK ...`: runs Invoke and kills itself when the journal holds EVENT of STEP."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from invoke.main import program

from ops_tasks.operation.journal import Journal

EVENT, STEP = sys.argv[1:3]
append = Journal.append


def append_and_die(self: Journal, event: str, step: str | None = None, **data: Any) -> None:
    append(self, event, step, **data)
    if (event, step or "") == (EVENT, STEP):
        os.kill(os.getpid(), signal.SIGKILL)


Journal.append = append_and_die
program.run(["invoke", *sys.argv[3:]])
