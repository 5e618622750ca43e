"""The workers of one operation: started before they are needed, gone before anything is put back."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from ops_tasks.systems.worker import Worker

Say = Callable[[str], None]


class Crew:
    """Workers by system. Between two calls none of them holds a database, SQLMesh's excepted: dismiss it after use.

    Importing a tool takes longer than most of its work, so `warm` lets one import while another works.
    """

    def __init__(
        self, cwd: Path, log: Path | None = None, held: tuple[int, ...] = (), limit: float | None = None
    ) -> None:
        """Nobody is started yet; the rest is handed to each worker."""
        self.cwd, self.log, self.held, self.limit = cwd, log, held, limit
        self._workers: dict[str, Worker] = {}

    def on(self, log: Path, held: tuple[int, ...]) -> Crew:
        """The same crew, knowing where its workers log and which lock they hold; returns itself."""
        self.log, self.held = log, held
        return self

    def warm(
        self, system: str, *, cwd: Path | None = None, env: Mapping[str, str] | None = None, name: str = ""
    ) -> str:
        """Start a worker, unless there is one of that `name` (default: the system's); returns the name."""
        name = name or system
        if name not in self._workers:
            self._workers[name] = Worker(
                system, cwd=cwd or self.cwd, log=self.log, env=env, held=self.held, limit=self.limit
            )
        return name

    def worker(self, system: str, cwd: Path | None = None) -> Worker:
        """The worker of that system, started now if nobody warmed it; it stays in the crew's care."""
        return self._workers[self.warm(system, cwd=cwd)]

    def call(self, name: str, function: str, say: Say | None = None, **arguments: Any) -> Any:
        """Let the worker of that name (started now, if nobody warmed it) run a function; see `Worker.call`.

        A worker whose call fails is killed with everything it started.
        """
        self.warm(name)
        with self._killing(name) as worker:
            return worker.call(function, say, **arguments)

    def send(self, name: str, function: str, **arguments: Any) -> None:
        """Let a worker begin with something while others work: `receive` brings its answer, `settle` waits for it."""
        self.warm(name)
        with self._killing(name) as worker:
            worker.send(function, **arguments)

    def is_asked(self, name: str) -> bool:
        """Whether a worker has been sent something that nobody has waited for."""
        return name in self._workers and self._workers[name].asked > 0

    def receive(self, name: str, say: Say | None = None) -> Any:
        """The answer to what a worker was sent."""
        with self._killing(name) as worker:
            return worker.receive(say)

    def settle(self, name: str) -> None:
        """Wait until a worker has done all that it was sent."""
        if name in self._workers:
            with self._killing(name) as worker:
                worker.settle()

    @contextmanager
    def _killing(self, name: str) -> Generator[Worker]:
        try:
            yield self._workers[name]
        except BaseException:
            worker = self._workers.pop(name)
            worker.kill()
            worker.close()
            raise

    def dismiss(self, *names: str) -> None:
        """Let workers end properly, and wait until every lock they held is free."""
        for name in names:
            if name in self._workers:
                self._workers.pop(name).close()

    def release(self, *, kill: bool = False) -> None:
        """End everybody."""
        for name in list(self._workers):
            worker = self._workers.pop(name)
            if kill:
                worker.kill()
            worker.close()

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.release(kill=kind is not None)
