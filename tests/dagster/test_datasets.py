"""The dataset of a contract that may not be YAML any more."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops_tasks.dagster.datasets import dataset_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dataset: a/b/c\n", "a/b/c"),
        ("# x\nname: n\ndataset:   'a/b/c'  # the mart\ncolumns: [", "a/b/c"),
        ('"dataset": "a/b/c"\n', "a/b/c"),
        ("{dataset: a/b/c, checks: []}\n", "a/b/c"),
        ("dataset:\n  a/b/c\n", "a/b/c"),
        ("checks:\n  - x: {dataset: q/r/s}\n", "ebird/dim"),
        ("checks:\n  dataset: q/r/s\n", "ebird/dim"),
        ("dataset: a/b/c\ndataset: a/b/d\n", "ebird/dim"),
        ("- a\n", "ebird/dim"),
        ("", "ebird/dim"),
        ("dataset:\n", "ebird/dim"),
    ],
)
def test_the_dataset_is_found(tmp_path: Path, text: str, expected: str) -> None:
    file = tmp_path / "ebird" / "dim.yml"
    file.parent.mkdir()
    file.write_text(text)
    assert dataset_of(file) == expected
