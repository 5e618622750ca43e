"""One request to a web server, with a limit for the whole of it: urllib's own is for each read from a socket."""

from __future__ import annotations

import threading
from urllib.request import OpenerDirector, Request


def ask(opener: OpenerDirector, request: Request | str, seconds: float, most: int) -> bytes:
    """The first `most` bytes of the answer.

    Raises what urllib raises (`URLError` and its `HTTPError`, `OSError`, `HTTPException`, `ValueError`), and
    `TimeoutError` when it is not there after `seconds`; whoever hangs is left behind and dies with the process.
    """
    answers: list[bytes] = []
    errors: list[BaseException] = []

    def fetch() -> None:
        try:
            with opener.open(request, timeout=seconds) as answer:
                answers.append(answer.read(most))
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            errors.append(error)

    thread = threading.Thread(target=fetch, daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not answers:
        raise TimeoutError("timed out")
    return answers[0]
