"""Finds restatements in a file, by what kind of file it is."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from ops_tasks.errors import UsageError

from . import restatements_lines as by_line
from .calls import Call, allowance, shown

SHELL_ENDINGS = {".sh", ".bash", ".zsh", ".ksh", ".fish", ".bats", ".command"}
SHELL_NAMES = {".envrc", ".profile", ".bashrc", ".bash_profile", ".bash_aliases", ".bash_login", ".bash_logout"} | {
    ".zshrc",
    ".zprofile",
    ".zshenv",
    ".zlogin",
}
# Programs without an ending and without a shebang are run by their place.
SHELL_FOLDERS = {"bin", "sbin", "script", "scripts", "hooks", ".husky", ".githooks", "tasks", "libexec"}
YAML_ENDINGS = {".yml", ".yaml"}
PYTHON_ENDINGS = {".py", ".pyi", ".pyw"}
JSON_ENDINGS = {".json", ".jsonc", ".json5"}
# Prose and queries: what they mention is not run.
TOLD_ENDINGS = {".md", ".rst", ".txt", ".sql", ".html", ".svg", ".csv", ".tsv", ".lock", ".adoc", ".tex"} | {
    ".patch",
    ".diff",
}
TEMPLATE_ENDINGS = {".j2", ".jinja", ".jinja2", ".tmpl", ".tpl", ".template", ".in", ".erb", ".gotmpl", ".example"}
MAKEFILES = {"makefile", "gnumakefile", "justfile", ".justfile"}
MAKE_ENDINGS = {".mk", ".just", ".make"}
LINES = {"crontab", "procfile", "jenkinsfile", "vagrantfile", "earthfile", "brewfile", ".env"}
LINE_ENDINGS = {".service", ".timer", ".ini", ".cfg", ".toml", ".conf", ".env", ".cron", ".crontab"} | {
    ".bat",
    ".cmd",
    ".ps1",
}
SHEBANG = re.compile(rb"#!.*?\b(bash|sh|zsh|dash|ksh|fish|python[\d.]*|uv run)\b")
PROGRAM = re.compile(rb"sqlmesh|%plan")
SHORT = re.compile(rb"-v*r|\\u002[dD]")
READERS = {
    "shell": by_line.shell,
    "make": by_line.recipes,
    "docker": by_line.instructions,
    "lines": by_line.settings,
    "text": by_line.other,
}


def find(file: str, content: bytes) -> list[Call]:
    """Every restatement that a file calls, in the order of its lines; nothing for a binary file and for prose.

    Python, YAML and JSON that do not parse are read line by line: nothing is passed over because it is broken.
    """
    if b"\0" in content[:8192] or not _may(content):
        return []
    kind = _kind(file, content)
    if kind == "prose":
        return []
    # Only a newline ends a line, as in an editor: not what else `str.splitlines` takes for an end.
    text = content.decode("utf-8-sig", errors="replace")
    lines = text.split("\n")
    calls: list[Call] = []
    for line, offset, last in _places(kind, file, text):
        said = shown("\n".join(lines[line - 1 : last])[offset - 1 :])
        allowed = None if kind == "json" else allowance(lines, line, last)
        calls.append(Call(file, line, offset, said, kind, allowed))
    return calls


def _may(content: bytes) -> bool:
    """Whether the bytes hold what every restatement holds: its name, or `plan` with a short flag."""
    if b"restate" in content:
        return True
    return b"plan" in content and bool(PROGRAM.search(content)) and bool(SHORT.search(content))


def _kind(file: str, content: bytes) -> str:
    path = PurePosixPath(file.replace("\\", "/"))
    while path.suffix.lower() in TEMPLATE_ENDINGS and path.stem:
        path = path.with_suffix("")
    name, ending = path.name.lower(), path.suffix.lower()
    if name in MAKEFILES or ending in MAKE_ENDINGS:
        return "make"
    if name.startswith(("dockerfile", "containerfile")) or ending in (".dockerfile", ".containerfile"):
        return "docker"
    if ending in YAML_ENDINGS:
        return "yaml"
    if ending in PYTHON_ENDINGS:
        return "python"
    if ending == ".ipynb":
        return "notebook"
    if ending in SHELL_ENDINGS or name in SHELL_NAMES:
        return "shell"
    if ending in TOLD_ENDINGS:
        return "prose"
    if ending in JSON_ENDINGS:
        return "json"
    if name in LINES or name.startswith(".env.") or ending in LINE_ENDINGS or path.parent.name == "cron.d":
        return "lines"
    return _by_content(path, content)


def _by_content(path: PurePosixPath, content: bytes) -> str:
    if shebang := SHEBANG.match(content):
        return "python" if shebang[1].startswith((b"python", b"uv")) else "shell"
    if path.suffix:
        return "text"
    return "shell" if path.parent.name.lower() in SHELL_FOLDERS else "prose"


def _places(kind: str, file: str, text: str) -> list[tuple[int, int, int]]:
    try:
        if kind == "python":
            from . import python_calls

            return python_calls.find(text)
        if kind == "yaml":
            return _yaml(file, text)
        if kind in ("json", "notebook"):
            from . import restatements_json

            return restatements_json.notebook(text) if kind == "notebook" else restatements_json.values(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # the parser says so when text nests too deeply
        kind = "lines"
    try:
        return READERS[kind](text)
    except RecursionError:
        raise UsageError(f"{file} nests too deeply to be read", "split it, or leave it out of the hook") from None


def _yaml(file: str, text: str) -> list[tuple[int, int, int]]:
    from ruamel.yaml.error import YAMLError

    from . import yaml_calls

    try:
        return yaml_calls.find(text, file)
    except YAMLError as error:
        raise ValueError(str(error)) from error
