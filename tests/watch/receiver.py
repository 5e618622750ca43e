"""A dead-man service that writes down what it hears, and answers as it is told."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Ping:
    """One request: its path, its query and its body."""

    path: str
    query: dict[str, list[str]]
    body: str


@dataclass
class Receiver:
    """Where it listens, what it has heard, and the statuses it answers with (the last one for ever)."""

    url: str
    heard: list[Ping] = field(default_factory=list[Ping])
    answers: list[int] = field(default_factory=lambda: [200])

    @property
    def paths(self) -> list[str]:
        """The paths, in order."""
        return [ping.path for ping in self.heard]


@contextmanager
def listening(hang: threading.Event | None = None) -> Generator[Receiver]:
    """Serve on a free port; with `hang` no request is answered before that is set."""
    server: ThreadingHTTPServer

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            parts = urlsplit(self.path)
            receiver.heard.append(Ping(parts.path, parse_qs(parts.query, keep_blank_values=True), body))
            if hang is not None:
                hang.wait(30)
            status = receiver.answers.pop(0) if len(receiver.answers) > 1 else receiver.answers[0]
            self.send_response(status)
            if status in (301, 302):
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver = Receiver(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        if hang is not None:
            hang.set()
        server.shutdown()
        server.server_close()
        thread.join()
