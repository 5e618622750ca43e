"""Configuration as text: read with its places, written so that Invoke's YAML 1.1 reads what YAML 1.2 reads."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from ops_tasks.errors import UsageError
from ops_tasks.systems.questions import MARK

INDENT = 2
Read = Callable[[str], Any]
"""What Invoke makes of a text; `UsageError` where it cannot read it."""


def load(text: str, file: Path) -> Any:
    """A mapping with the places of its keys; an empty one for an empty text, `UsageError` for anything else."""
    from ruamel.yaml.error import YAMLError

    try:
        loaded: Any = _yaml().load(text) if text.strip() else dict[str, Any]()
    except (YAMLError, ValueError) as error:
        raise UsageError(f"{file}: not YAML: {str(error).splitlines()[0]}", "mend it first") from None
    if not isinstance(loaded, dict | None):
        raise UsageError(f"{file}: no mapping", "mend it first")
    return cast("Any", loaded) or dict[str, Any]()


def dump(tree: Mapping[str, Any], questions: Mapping[tuple[str, ...], str], margin: int, read: Read) -> str:
    """A tree as text, `margin` spaces in, with its questions (path of a key -> question) as comments."""
    made = io.StringIO()
    _yaml().dump(_commented(tree, questions, (), read), made)
    return "".join(f"{' ' * margin}{line}" if line.strip() else line for line in made.getvalue().splitlines(True))


def plain(value: Any) -> Any:
    """A loaded value without its places."""
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in cast("dict[Any, Any]", value).items()}
    return [plain(one) for one in cast("list[Any]", value)] if isinstance(value, list) else value


def mapping(value: Any) -> dict[str, Any]:
    """The value where it is a mapping, an empty one where it is not."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _commented(
    tree: Mapping[str, Any], questions: Mapping[tuple[str, ...], str], here: tuple[str, ...], read: Read
) -> Any:
    """The same tree with its questions as comments; what is deep and small is written in one line."""
    from ruamel.yaml.comments import CommentedMap, CommentedSeq

    made: Any = CommentedMap()
    for key, value in tree.items():
        path, word = (*here, key), _quoted(key, read)
        if isinstance(value, dict):
            inner = mapping(value)
            made[word] = _commented(inner, questions, path, read)
            if len(path) > 3 and not any(isinstance(one, dict | list) for one in inner.values()):
                made[word].fa.set_flow_style()
        elif isinstance(value, list):
            made[word] = CommentedSeq([_quoted(one, read) for one in cast("list[Any]", value)])
            made[word].fa.set_flow_style()
        else:
            made[word] = _quoted(value, read)
        if path in questions:
            made.yaml_set_comment_before_after_key(word, before=f"{MARK} {questions[path]}", indent=len(here) * INDENT)
    return made


def _quoted(value: Any, read: Read) -> Any:
    """A text in quotes where Invoke would read something else without them: `on`, `12:30:45`, `1_000`, `~`.

    A colon is quoted too: libyaml, by which others read the same file, refuses a bare one inside of braces.
    """
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    if not isinstance(value, str):
        return value
    try:
        bare = ":" not in value and read(f"{{{value}: {value}}}") == {value: value}
    except UsageError:
        bare = False
    return value if bare else DoubleQuotedScalarString(value)


def _yaml() -> Any:
    from ruamel.yaml import YAML

    yaml: Any = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 100_000
    yaml.indent(mapping=INDENT, sequence=4, offset=2)
    return yaml
