"""The allow comment in every kind of file that has comments; whatever a file holds, it is read or named."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hooks.restatements import find
from ops_tasks.errors import UsageError

ALLOW = "# ops-allow: restate -- a copy"
ALLOWED = [
    pytest.param("Dockerfile", f"{ALLOW}\nRUN sqlmesh plan -r a\n", "a copy", id="docker, above"),
    pytest.param("justfile", f"x:\n    {ALLOW}\n    sqlmesh plan -r a\n", "a copy", id="just, above"),
    pytest.param("Makefile", f"x:\n\t{ALLOW}\n\tsqlmesh plan -r a\n", "a copy", id="make, above"),
    pytest.param("pyproject.toml", f'[x]\ny = "sqlmesh plan -r a"  {ALLOW}\n', "a copy", id="toml, beside"),
    pytest.param("crontab", f"{ALLOW}\n@daily sqlmesh plan -r a\n", "a copy", id="crontab, above"),
    pytest.param("job.sh", f"sqlmesh plan \\\r\n  -r a {ALLOW}\r\n", "a copy", id="CRLF, last line"),
    pytest.param("a.py", f"ctx.plan(  {ALLOW}\n  restate_models=['a'],\n)\n", "a copy", id="python, first line"),
    pytest.param("a.py", f"ctx.plan(\n  restate_models=['a'],\n)  {ALLOW}\n", "a copy", id="python, last line"),
    pytest.param("w.yml", f"run: |\n  {ALLOW}\n  sqlmesh plan -r a\n", "a copy", id="yaml, in a block"),
    pytest.param("w.yml", f"run: |\n  ls {ALLOW}\n  sqlmesh plan -r a\n", None, id="yaml, beside another command"),
    pytest.param("p.json", '{"x": "sqlmesh plan -r a # ops-allow: restate -- a"}', None, id="json has no comments"),
    pytest.param("job.sh", f"sqlmesh plan -r a\n{ALLOW}\n", None, id="below"),
]


@pytest.mark.parametrize(("file", "text", "reason"), ALLOWED)
def test_a_reason_beside_it_allows_it(file: str, text: str, reason: str | None) -> None:
    (call,) = find(file, text.encode())
    assert call.allowed == reason


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\xef\xbb\xbfsqlmesh plan -r a\n", id="a mark of the byte order"),
        pytest.param(b"# caf\xe9\xff\nsqlmesh plan -r a\n", id="latin-1"),
        pytest.param("# \x85 \u2028\x0c\nsqlmesh plan -r a\n".encode(), id="what only Python takes for a line's end"),
    ],
)
@pytest.mark.parametrize("file", ["job.sh", "a.py", "Makefile", "crontab"])
def test_the_line_is_that_of_an_editor(file: str, content: bytes) -> None:
    if file == "a.py":
        content = content.replace(b"sqlmesh plan -r a", b"ctx.plan(restate_models=['a'])")
    if file == "Makefile":
        content = content.replace(b"sqlmesh", b"x:\n\tsqlmesh")
    lines = [number for number, line in enumerate(content.split(b"\n"), 1) if b"plan" in line]
    assert [call.line for call in find(file, content)] == lines


def test_columns_count_characters() -> None:
    (call,) = find("a.py", 'x = "éé"; ctx.plan(restate_models=["a"])\n'.encode())
    assert call.column == 11
    assert call.text == 'ctx.plan(restate_models=["a"])'


def test_what_nests_too_deeply_is_named() -> None:
    with pytest.raises(UsageError, match=r"job.sh nests too deeply"):
        find("job.sh", b"sqlmesh plan -r restate " + b'"$(' * 9000)


@pytest.mark.parametrize("unit", ["((", "<<E\n", '"a $(b) ', "x=(", "${", "'", "{{x}} "])
@pytest.mark.parametrize("file", ["job.sh", "Dockerfile"])
def test_what_never_closes_takes_no_longer(file: str, unit: str) -> None:
    text = f"('sqlmesh plan restate -r\\n' + {unit!r} * 20000).encode()"
    code = f"from hooks.restatements import find; find({file!r}, {text})"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


PARTS = [
    *"[]{}()'\"`\\#|&;>=!?*\n\t -:",
    *("sqlmesh plan ", "-r a ", "--restate-model", "restate_models=", "<<EOF\n", "<<'E'\n", "EOF\n", "<<<", "$'", "(("),
    *("${", "$(", "\r\n", "2>&1 ", "run: |\n", ">-\n", "- ", "%plan ", "%%bash\n", "é", "import sqlmesh\n", "bash -c "),
    *("python -c ", "x=(", "CMD [", "case x in\n", "--- ", "\u2028", "\x85", '"cells": ['),
]
NAMES = [
    *("a.sh", "a.py", "a.yml", ".github/workflows/a.yml", "Makefile", "justfile", "Dockerfile", "a.ipynb", "a.toml"),
    *("a.json", "a.js", "a.service", "crontab", "Taskfile.yml", "bin/x", "x.sh.j2", "README"),
]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.sampled_from(NAMES), st.lists(st.sampled_from(PARTS), max_size=30), st.binary(max_size=8))
def test_nothing_else_is_raised(name: str, parts: list[str], more: bytes) -> None:
    content = b"sqlmesh restate " + "".join(parts).encode() + more.replace(b"\0", b"")
    for call in find(name, content):
        assert call.line >= 1
        assert call.column >= 1
        assert len(call.text) <= 120
        assert "\n" not in call.text
