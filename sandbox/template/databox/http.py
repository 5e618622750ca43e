"""One HTTP client for every source: short timeouts, one quick retry."""

from __future__ import annotations

from typing import Any, cast

from dlt.sources.helpers.requests import Client, Response

from . import settings

Params = dict[str, str | int]


def client() -> Client:
    """A client that gives up within moments, so that an outage is noticed rather than waited out."""
    return Client(
        request_timeout=10.0, request_max_attempts=2, request_backoff_factor=0.02, request_max_retry_delay=0.1
    )


def get(http: Client, path: str, params: Params | None = None) -> Any:
    """Return the JSON document at `path`; raises `requests.HTTPError` for an error status."""
    # dlt leaves this method's signature half untyped.
    response = cast("Response", cast("Any", http).get(f"{settings.api_url()}/{path}", params=params))
    response.raise_for_status()
    return response.json()
