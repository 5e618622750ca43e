"""A connection to MotherDuck that is lost is tried again: whatever is asked of a worker may be asked twice."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

from ops_tasks.errors import StepFailed
from ops_tasks.systems.attaching_worker import LOST, MD
from ops_tasks.systems.worker_main import progress

TRIES, PAUSE = 4, 0.5
UNREACHED = "is the network up, and motherduck_token set? then try again"
P = ParamSpec("P")
T = TypeVar("T")


def steady(function: Callable[P, T]) -> Callable[P, T]:
    """Ask again when the connection is lost; `StepFailed` when it stays so."""

    @wraps(function)
    def asked(*args: P.args, **kwargs: P.kwargs) -> T:
        for left in reversed(range(TRIES)):
            try:
                return function(*args, **kwargs)
            except LOST as error:
                if not left:
                    raise StepFailed(f"MotherDuck cannot be reached: {_line(error)}", UNREACHED) from None
                progress("the connection to MotherDuck was lost; again")
                time.sleep(PAUSE * (TRIES - left))
        raise AssertionError

    return asked


def steady_if_remote(function: Callable[P, T]) -> Callable[P, T]:
    """The same for a function that reads databases: of a file such an error says that it is broken."""
    again = steady(function)

    @wraps(function)
    def asked(*args: P.args, **kwargs: P.kwargs) -> T:
        return (again if _is_remote([*args, *kwargs.values()]) else function)(*args, **kwargs)

    return asked


def _is_remote(value: object) -> bool:
    if isinstance(value, dict):
        return any(_is_remote(one) for one in cast("dict[str, Any]", value).values())
    if isinstance(value, list):
        return any(_is_remote(one) for one in cast("list[Any]", value))
    return isinstance(value, str) and value.startswith(MD)


def _line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
