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
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    places: dict[Path_, Place] = {}
    try:
        loader, node = _composed(content.decode("utf-8-sig"))
        return Source(file, None if node is None else _plain(loader, node, (), places, ()), places)
    except UnicodeDecodeError as error:
        raise UsageError(f"{file}: not UTF-8: {error.reason} at byte {error.start}", "save it as UTF-8") from None
    except _Wrong as wrong:
        raise UsageError(f"{file}:{wrong.line}: not YAML: {wrong}", "mend the file") from None
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


class _Wrong(Exception):
    """Something at a line (from 1) that the composer lets through."""

    def __init__(self, node: Any, reason: str) -> None:
        super().__init__(reason)
        self.line = int(node.start_mark.line) + 1


def _composed(text: str) -> tuple[Any, Any]:
    """A loader and the tree of nodes, which know their places: ten times as fast as the loader that keeps comments.

    What libyaml does not take (`{a: b::c}`, YAML 1.2) is left to the parser that Soda uses.
    """
    from ruamel.yaml.error import MarkedYAMLError

    try:
        return _composed_by(text, pure=False)
    except MarkedYAMLError:
        return _composed_by(text, pure=True)


def _composed_by(text: str, *, pure: bool) -> tuple[Any, Any]:
    from ruamel.yaml import YAML

    yaml: Any = YAML(typ="safe", pure=pure)
    loader, parser = yaml.get_constructor_parser(text)
    try:
        # With libyaml the loader composes, without it a part of it does.
        return loader, (loader if hasattr(loader, "get_single_node") else loader.composer).get_single_node()
    finally:
        parser.dispose()


def _plain(loader: Any, node: Any, path: Path_, places: dict[Path_, Place], above: tuple[int, ...]) -> Any:
    """The value of a node; `above` are the ids of what is around, since an alias can hold itself."""
    if id(node) in above:
        raise _Wrong(node, "an alias that holds itself")
    around = (*above, id(node))
    if node.id == "mapping":
        plain: dict[str, Any] = {}
        for key, inner in _pairs(loader, node):
            name = str(_scalar(loader, key))
            places[*path, name] = _place(key)
            plain[name] = _plain(loader, inner, (*path, name), places, around)
        return plain
    if node.id == "sequence":
        for index, inner in enumerate(node.value):
            places[*path, index] = _place(inner)
        return [_plain(loader, inner, (*path, index), places, around) for index, inner in enumerate(node.value)]
    return _scalar(loader, node)


def _pairs(loader: Any, node: Any) -> list[tuple[Any, Any]]:
    """Keys and values of a mapping: what merge keys bring in first, so that its own keys win."""
    seen: set[str] = set()
    for key, _ in node.value:
        if key.id != "scalar":
            raise _Wrong(key, "a key that is no plain value")
        if key.value in seen:
            raise _Wrong(key, f"the key {key.value!r} is there twice")
        seen.add(key.value)
    loader.flatten_mapping(node)
    return cast("list[tuple[Any, Any]]", node.value)


def _scalar(loader: Any, node: Any) -> Any:
    try:
        return loader.construct_object(node)
    except ValueError as error:
        raise _Wrong(node, str(error)) from None


def _place(node: Any) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)
