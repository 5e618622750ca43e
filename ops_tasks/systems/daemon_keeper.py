"""`python -m ops_tasks.systems.daemon_keeper FOLDER -- COMMAND`: runs the daemon, and runs it again when it dies.

For machines without systemd. It writes its pid into FOLDER, waits longer after every death in a row, and gives up after
the fifth within ten minutes; it ends, and ends the daemon, on SIGTERM, SIGINT and SIGHUP.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from ops_tasks import whole_files

PID, LOG = "dagster-daemon.pid", "dagster-daemon.log"
DEATHS, WITHIN = 5, 600.0
LARGEST_LOG = 10_000_000
PATIENCE = 15.0


class Keeper:
    """One daemon, from its first start to the end."""

    def __init__(self, folder: Path, command: list[str]) -> None:
        """Nothing is started yet."""
        self.folder, self.command = folder, command
        self.child: subprocess.Popen[bytes] | None = None
        self.over = False

    def end(self, _number: int, _frame: FrameType | None) -> None:
        """Pass the signal on; the loop sees the daemon's end."""
        self.over = True
        if self.child is not None and self.child.poll() is None:
            self.child.terminate()

    def keep(self) -> int:
        """Run the daemon until it is told to end (0) or has died too often (1)."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self.end)
        write(self.folder / PID, {"pid": os.getpid(), "at": time.time(), "command": self.command})
        died: list[float] = []
        while not self.over:
            rotate(self.folder / LOG)
            self.say(f"starting {' '.join(self.command)}")
            self.child = subprocess.Popen(self.command)
            code = self._wait()
            if self.over:
                break
            died = [at for at in died if time.monotonic() - at < WITHIN] + [time.monotonic()]
            self.say(f"the daemon has ended with {code}, {len(died)} times in ten minutes")
            if len(died) >= DEATHS:
                self.say("giving up")
                (self.folder / PID).unlink(missing_ok=True)
                return 1
            self._pause(2.0 ** len(died))
        self.say("ended")
        (self.folder / PID).unlink(missing_ok=True)
        return 0

    def say(self, text: str) -> None:
        """A line of its own in the daemon's log."""
        sys.stderr.write(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} keeper - {text}\n")
        sys.stderr.flush()

    def _wait(self) -> int:
        child = self.child
        if child is None:
            raise RuntimeError("no daemon was started")
        asked: float | None = None
        while (code := child.poll()) is None:
            if self.over:
                asked = asked or time.monotonic()
                if time.monotonic() - asked > PATIENCE:
                    child.kill()
            time.sleep(0.1)
        return code

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self.over and time.monotonic() < until:
            time.sleep(0.1)


def write(file: Path, told: dict[str, object]) -> None:
    """Write the pid file whole or not at all."""
    whole_files.write(file, json.dumps(told))


def rotate(log: Path) -> None:
    """Keep one old log when the log has grown too long; both descriptors go on with the new one."""
    if not log.exists() or log.stat().st_size < LARGEST_LOG:
        return
    log.rename(log.with_suffix(".log.1"))
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)


def main() -> int:
    """Read the command line and keep the daemon."""
    folder, command = Path(sys.argv[1]), sys.argv[sys.argv.index("--") + 1 :]
    return Keeper(folder, command).keep()


if __name__ == "__main__":
    raise SystemExit(main())
