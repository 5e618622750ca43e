"""Which contract speaks of which dataset."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops_tasks.contracts.files import find
from ops_tasks.errors import UsageError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("dataset: databox/ebird/daily\n", ("ebird", "daily"), id="three parts"),
        pytest.param("dataset: databox/catalog/ebird/daily\n", ("ebird", "daily"), id="four parts"),
        pytest.param("dataset: daily\n", None, id="one part"),
        pytest.param("columns: []\n", None, id="no dataset"),
        pytest.param("- a\n", None, id="a list"),
        pytest.param("", None, id="empty"),
        pytest.param("dataset: [\n", None, id="no YAML"),
        pytest.param("dataset: 7\n", None, id="a number"),
    ],
)
def test_the_last_two_parts_count(tmp_path: Path, text: str, expected: tuple[str, str] | None) -> None:
    file = tmp_path / "deep" / "x.yml"
    file.parent.mkdir()
    file.write_text(text)
    assert find(tmp_path) == ({} if expected is None else {expected: file})


def test_both_endings_and_nothing_else(tmp_path: Path) -> None:
    for name in ("a.yml", "b.yaml", "c.yml.bak", "d.json"):
        (tmp_path / name).write_text(f"dataset: databox/s/{name[0]}\n")
    assert set(find(tmp_path)) == {("s", "a"), ("s", "b")}


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"contracts folder .*nowhere does not exist"):
        find(tmp_path / "nowhere")
