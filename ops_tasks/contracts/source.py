"""YAML as values that know where they stand: text -> plain dicts and lists, and the line of every key and item."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from ops_tasks.errors import UsageError

Path_ = tuple[str | int, ...]


@dataclass(frozen=True)
class Place:
    """A line and a column (both from 1) of a file."""

    line: int = 1
    offset: int = 1


@dataclass(frozen=True)
class Source:
    """One parsed file: `value` is made of plain dicts, lists and scalars, anchors and merge keys resolved."""

    file: str
    value: Any
    places: Mapping[Path_, Place]

    def place(self, *path: str | int) -> Place:
        """Where the key or the item at `path` begins, or the deepest part of it that is there."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.places:
                return self.places[path[:length]]
        return Place()


def parse(file: str, content: bytes) -> Source:
    """Parse one document as YAML 1.2, as Soda does (it reads its contracts with ruamel.yaml).

    `file` is the name that is told. Raises `UsageError` with file and line for what is not UTF-8, not YAML, more than
    one document, or has a key twice.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    yaml: Any = YAML(typ="rt")
    try:
        loaded: object = yaml.load(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise UsageError(f"{file}: not UTF-8: {error.reason} at byte {error.start}", "save it as UTF-8") from None
    except MarkedYAMLError as error:
        broken: Any = error
        mark = broken.problem_mark or broken.context_mark
        line = mark.line + 1 if mark else 1
        said = str(broken.problem or broken.context or error).splitlines()[0]
        raise UsageError(f"{file}:{line}: not YAML: {said}", "mend the file") from None
    except (YAMLError, ValueError) as error:
        raise UsageError(f"{file}: not YAML: {str(error).splitlines()[0]}", "mend the file") from None
    except RecursionError:
        raise UsageError(f"{file}: not YAML: nested too deeply", "mend the file") from None
    places: dict[Path_, Place] = {}
    return Source(file, _plain(loaded, (), places, ()), places)


def texts(value: object, path: Path_ = ()) -> Iterator[tuple[Path_, str]]:
    """Every text in a parsed value with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, inner in cast("Mapping[str, object]", value).items():
            yield from texts(inner, (*path, key))
    elif isinstance(value, Sequence):
        for index, inner in enumerate(cast("Sequence[object]", value)):
            yield from texts(inner, (*path, index))


def _plain(node: Any, path: Path_, places: dict[Path_, Place], above: tuple[int, ...]) -> Any:
    """A copy without ruamel's own types; `above` are the ids of what is around, since an alias can hold itself."""
    if id(node) in above:
        return None
    around = (*above, id(node))
    if isinstance(node, dict):
        mapping = cast("dict[Any, Any]", node)
        plain: dict[str, Any] = {}
        for key, inner in mapping.items():
            places[*path, str(key)] = _of_key(node, key)
            plain[str(key)] = _plain(inner, (*path, str(key)), places, around)
        return plain
    if isinstance(node, list):
        items = cast("list[Any]", node)
        for index in range(len(items)):
            places[*path, index] = _of_item(node, index)
        return [_plain(inner, (*path, index), places, around) for index, inner in enumerate(items)]
    return _scalar(node)


def _scalar(node: Any) -> Any:
    """ruamel's round-trip scalars (quoted texts, hexadecimal numbers, booleans with an anchor) as Python's own."""
    from ruamel.yaml.scalarbool import ScalarBoolean

    if isinstance(node, ScalarBoolean):
        return bool(node)
    if isinstance(node, bool) or node is None:
        return node
    for kind in (int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node


def _of_key(node: Any, key: Any) -> Place:
    try:
        line, offset = node.lc.key(key)
    except (KeyError, AttributeError, TypeError):
        # What a merge key brought in has no place of its own here.
        return Place(node.lc.line + 1, node.lc.col + 1) if getattr(node, "lc", None) else Place()
    return Place(line + 1, offset + 1)


def _of_item(node: Any, index: int) -> Place:
    try:
        line, offset = node.lc.item(index)
    except (KeyError, AttributeError, TypeError):
        return Place(node.lc.line + 1, node.lc.col + 1) if getattr(node, "lc", None) else Place()
    return Place(line + 1, offset + 1)
