"""The shop's own server: orders, parcels and customers as CSV, the same for a day whenever it is asked."""

from __future__ import annotations

import csv
import io
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

CUSTOMERS = {f"c{number:02}": town for number, town in enumerate(["Graz", "Linz", "Wels", "Graz", "Enns", "Steyr"])}
Row = list[object]


@dataclass
class Api:
    """What is sold from `first` to `last`; days in `lost` are answered with nothing, as if nobody had bought."""

    first: date
    last: date
    url: str = ""
    lost: set[date] = field(default_factory=set[date])
    down: bool = False

    def days(self, start: date | None = None, end: date | None = None) -> list[date]:
        """Every day of the window that has sales."""
        begin, stop = max(start or self.first, self.first), min(end or self.last, self.last)
        return [begin + timedelta(days=number) for number in range((stop - begin).days + 1)]


def orders(day: date) -> Iterator[Row]:
    """Eight to ten orders of a day."""
    for number in range(8 + day.toordinal() % 3):
        yield [day.toordinal() * 100 + number, day.strftime("%Y%m%d"), f"c{(day.day + number) % 6:02}", 10.5 + number]


def parcels(day: date) -> Iterator[Row]:
    """What left the house on a day, at two in the afternoon: that day's orders; scanned two days later."""
    left = datetime(day.year, day.month, day.day, 14)
    for number, *_ in orders(day):
        yield [number, left.isoformat(sep=" "), 1.25, (left + timedelta(days=2)).isoformat(sep=" ")]


def _document(api: Api, name: str, start: date | None, end: date | None) -> str:
    made = io.StringIO()
    writer = csv.writer(made)
    if name == "customers":
        writer.writerows([["code", "town"], *CUSTOMERS.items()])
        return made.getvalue()
    writer.writerow(["order"] * 4)
    for day in api.days(start, end):
        if day not in api.lost:
            writer.writerows(orders(day) if name == "orders" else parcels(day))
    return made.getvalue()


@contextmanager
def serving(api: Api) -> Generator[Api]:
    """Answer on a port of its own for as long as the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            asked = parse_qs(address.query)
            days = [date.fromisoformat(asked[key][0]) if key in asked else None for key in ("from", "to")]
            name = address.path.strip("/").removesuffix(".csv")
            if api.down or name not in ("orders", "parcels", "customers"):
                self.send_error(500 if api.down else 404)
                return
            body = _document(api, name, days[0], days[1]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *_: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        api.url = f"http://127.0.0.1:{server.server_port}"
        yield api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
