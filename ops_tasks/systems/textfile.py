"""A Prometheus textfile: the measurements of one watch, for node_exporter's textfile collector."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from ops_tasks import whole_files
from ops_tasks.errors import UsageError

WATCH = "{watch}"


class Measured(Protocol):
    """What a measurement has: a name, what it is, a value, labels."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def help(self) -> str: ...  # noqa: D102
    @property
    def value(self) -> float: ...  # noqa: D102
    @property
    def labels(self) -> Mapping[str, str]: ...  # noqa: D102


def target(text: str, watch: str) -> Path:
    """The file that `--prom` names, `{watch}` replaced; `UsageError` for one that cannot be written."""
    file = Path(text.replace(WATCH, watch)).expanduser().absolute()
    if file.suffix != ".prom":
        raise UsageError(f"--prom: {file.name} does not end in .prom", "node_exporter reads no other file")
    if file.is_dir() or not file.parent.is_dir():
        raise UsageError(f"--prom: {file} is no file that can be written", f"make the folder {file.parent} first")
    if not os.access(file.parent, os.W_OK):
        raise UsageError(f"--prom: nothing can be written into {file.parent}", "give a folder of yours")
    return file


def write(file: Path, gauges: Sequence[Measured]) -> None:
    """Replace the file by these measurements, in one rename, readable by everybody."""
    from prometheus_client import CollectorRegistry, Gauge
    from prometheus_client.exposition import generate_latest

    registry, made = CollectorRegistry(), dict[str, Gauge]()
    for one in gauges:
        names = sorted(one.labels)
        gauge = made.get(one.name) or Gauge(one.name, one.help, names, registry=registry)
        made[one.name] = gauge
        (gauge.labels(**one.labels) if names else gauge).set(one.value)
    whole_files.write(file, generate_latest(registry), mode=0o644)
