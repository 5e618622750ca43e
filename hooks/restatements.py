"""Finds restatements in a file, by what kind of file it is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from . import python_calls, shell_calls, yaml_calls
from .calls import FLAG, Call, allowance, restates, shown

SHELL_ENDINGS = {".sh", ".bash", ".zsh", ".ksh", ".bats", ".envrc", ".cron", ".command"}
YAML_ENDINGS = {".yml", ".yaml"}
PYTHON_ENDINGS = {".py", ".pyi", ".pyw"}
# Prose and queries: what they mention is not run.
TOLD_ENDINGS = {
    ".md",
    ".rst",
    ".txt",
    ".sql",
    ".html",
    ".svg",
    ".csv",
    ".tsv",
    ".lock",
    ".adoc",
    ".tex",
    ".patch",
    ".diff",
}
MAKEFILES = {"makefile", "gnumakefile", "justfile", ".justfile"}
LINES = {"crontab", "procfile", "jenkinsfile", "vagrantfile", "earthfile", "brewfile", ".env"}
LINE_ENDINGS = {".service", ".timer", ".ini", ".cfg", ".toml", ".conf", ".env"}
SHEBANG = re.compile(rb"#!.*?\b(bash|sh|zsh|dash|ksh|python[\d.]*)\b")
# Not on a line that goes on with the one before: there a dash begins a flag.
RECIPE = re.compile(r"(?<!\\\n)(?<!\\\r\n)^[ \t]+[@+-]+", re.M)
INSTRUCTION = re.compile(r"^([ \t]*(?:ONBUILD[ \t]+)?(?:RUN|CMD|ENTRYPOINT|HEALTHCHECK)\b)", re.M | re.I)
UNIT = re.compile(r"^(Exec\w+=[-@:+!]*)", re.M)
QUOTED = re.compile(r"\"((?:[^\"\\]|\\.)*)\"|'([^']*)'")
COMMENT = re.compile(r"^\s*(#|//|\*|--|;)")


def find(file: str, content: bytes) -> list[Call]:
    """Every restatement that a file calls, in the order of its lines; nothing for a binary file and for prose.

    Python and YAML that do not parse are read as shell text: nothing is passed over because it is broken.
    """
    if b"\0" in content[:8192] or (b"sqlmesh" not in content and b"restate" not in content):
        return []
    text = content.decode("utf-8-sig", errors="replace")
    kind = _kind(file, content)
    lines = text.splitlines()
    calls: list[Call] = []
    for line, offset, last in _places(kind, file, text):
        said = shown("\n".join(lines[line - 1 : last])[offset - 1 :])
        calls.append(Call(file, line, offset, said, kind, allowance(lines, line, last)))
    return calls


def _kind(file: str, content: bytes) -> str:
    path = PurePosixPath(file.replace("\\", "/"))
    name, ending = path.name.lower(), path.suffix.lower()
    if name in MAKEFILES or ending == ".mk":
        return "make"
    if name.startswith(("dockerfile", "containerfile")) or ending == ".dockerfile":
        return "docker"
    if ending in YAML_ENDINGS:
        return "yaml"
    if ending in PYTHON_ENDINGS:
        return "python"
    if ending == ".ipynb":
        return "notebook"
    if ending in SHELL_ENDINGS:
        return "shell"
    if ending in TOLD_ENDINGS:
        return "prose"
    if ending == ".json":
        return "json"
    if name in LINES or ending in LINE_ENDINGS:
        return "lines"
    if shebang := SHEBANG.match(content):
        return "python" if shebang[1].startswith(b"python") else "shell"
    return "text" if ending else "prose"


def _places(kind: str, file: str, text: str) -> list[tuple[int, int, int]]:
    if kind == "python":
        try:
            return python_calls.find(text)
        except (SyntaxError, ValueError, RecursionError):
            return _shell(text)
    if kind == "yaml":
        from ruamel.yaml.error import YAMLError

        try:
            return yaml_calls.find(text, file)
        except (YAMLError, ValueError, RecursionError):
            return _shell(text)
    if kind == "notebook":
        return _notebook(text)
    if kind == "make":
        return _shell(RECIPE.sub(lambda found: " " * len(found[0]), text))
    if kind == "docker":
        return _docker(text)
    if kind in ("lines", "json"):
        return _lines(text, comments=kind == "lines")
    return _shell(text) if kind == "shell" else _flag_in_text(text) if kind == "text" else []


def _shell(text: str) -> list[tuple[int, int, int]]:
    places = [_place(text, one.start, one.end) for one in shell_calls.find(text)]
    return sorted(set(places))


def _place(text: str, start: int, end: int) -> tuple[int, int, int]:
    begins = text.rfind("\n", 0, start) + 1
    return text.count("\n", 0, start) + 1, start - begins + 1, text.count("\n", 0, max(end - 1, start)) + 1


def _docker(text: str) -> list[tuple[int, int, int]]:
    """Shell forms as shell text, exec forms (`CMD ["sqlmesh", ...]`) as lists."""
    plain = INSTRUCTION.sub(lambda found: " " * len(found[1]), text)
    return sorted({*_shell(plain), *_lists(text)})


def _lists(text: str) -> Iterator[tuple[int, int, int]]:
    for found in re.finditer(r"\[[^\[\]]*\]", text):
        words = [first or second for first, second in QUOTED.findall(found[0])]
        if restates(words):
            yield _place(text, found.start(), found.end())


def _lines(text: str, *, comments: bool) -> list[tuple[int, int, int]]:
    """Settings line by line: the line as a command, each quoted text in it, and lists of texts."""
    plain = UNIT.sub(lambda found: " " * len(found[1]), text)
    found = set(_shell(plain)) if comments else set[tuple[int, int, int]]()
    for one in QUOTED.finditer(text):
        line = text[text.rfind("\n", 0, one.start()) + 1 : one.start()]
        said = (one[1] or one[2] or "").replace('\\"', '"')
        if (not comments or not COMMENT.match(line)) and shell_calls.begins(said.split()) and shell_calls.find(said):
            found.add(_place(text, one.start(), one.end()))
    lists = {place for place in _lists(text) if not comments or not COMMENT.match(text.splitlines()[place[0] - 1])}
    return _once(sorted(found | lists))


def _once(places: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """One finding a line."""
    first: dict[int, tuple[int, int, int]] = {}
    for place in places:
        first.setdefault(place[0], place)
    return list(first.values())


def _flag_in_text(text: str) -> list[tuple[int, int, int]]:
    """In a language that is not read here: the long flag on a line that is no comment."""
    lines = enumerate(text.splitlines(), 1)
    return [(at, line.index(FLAG) + 1, at) for at, line in lines if FLAG in line and not COMMENT.match(line)]


def _notebook(text: str) -> list[tuple[int, int, int]]:
    """Code cells: `!command` and `%magic` lines as shell, the rest as Python; told by the line of the file."""
    try:
        cells = json.loads(text)["cells"]
        sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return _lines(text, comments=False)
    found: set[tuple[int, int, int]] = set()
    for source in sources:
        lines = source.splitlines()
        magic = {at for at, line in enumerate(lines) if line.lstrip().startswith(("!", "%"))}
        plain = "\n".join("pass" if at in magic else line for at, line in enumerate(lines))
        try:
            bad = {line - 1 for line, _, _ in python_calls.find(plain)}
        except (SyntaxError, ValueError, RecursionError):
            bad = {line - 1 for line, _, _ in _shell(plain)}
        for at in magic:
            said = lines[at].lstrip().lstrip("!%")
            if shell_calls.find(said if not said.startswith("plan") else f"sqlmesh {said}"):
                bad.add(at)
        found |= {_in_file(text, lines[at]) for at in bad}
    return sorted(found)


def _in_file(text: str, line: str) -> tuple[int, int, int]:
    start = max(text.find(json.dumps(line, ensure_ascii=False)[1:-1]), 0)
    return _place(text, start, start + 1)
