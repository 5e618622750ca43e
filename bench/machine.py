"""What the figures were measured on: ratios travel, seconds do not."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

import psutil


def words(folder: Path) -> str:
    """One line: processor, cores, memory, file system of `folder`, Python, DuckDB."""
    memory = psutil.virtual_memory().total / 1024**3
    return (
        f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GB, {_file_system(folder)} on {platform.system()} "
        f"{platform.release().split('-')[0]}, Python {platform.python_version()}, DuckDB {version('duckdb')}"
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _file_system(folder: Path) -> str:
    holding = [part for part in psutil.disk_partitions(all=True) if folder.resolve().is_relative_to(part.mountpoint)]
    return max(holding, key=lambda part: len(part.mountpoint)).fstype if holding else "an unknown file system"
