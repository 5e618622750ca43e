"""What a catalog holds, as it is written down and compared: names, and what older versions have recorded.

`content_worker.content` names an object by its quoted name: `"main"."t"`, and with a word in front what is neither
schema, table nor view: `sequence "main"."s"`. What was recorded before these were looked at names objects without
quotes (`main.t`): it is compared as far as it goes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

QUOTED = re.compile(r'"((?:[^"]|"")*)"')
MD = "md:"
T = TypeVar("T")


def plain(name: str) -> str:
    """A name without its quotes, as the rows of a manifest have it: `main.t`; one that has none stays."""
    return ".".join(part.replace('""', '"') for part in QUOTED.findall(name)) or name


def relations(content: Mapping[str, T]) -> dict[str, T]:
    """Schemas, tables and views by their plain names, of a content of either age."""
    return {plain(name): one for name, one in content.items() if name.startswith('"') or not _is_quoted(name)}


def as_recorded(content: Mapping[str, T], recorded: Mapping[str, object]) -> dict[str, T]:
    """A content in the words of one that is recorded: without what an older version did not look at."""
    if not recorded or any(map(_is_quoted, recorded)):
        return dict(content)
    return relations(content)


def stamps_as_recorded(stamps: Mapping[str, T], recorded: Mapping[str, object]) -> dict[str, T]:
    """The same for digests of the whole set: paths of files, and `md:catalog/object`."""
    remote = [name for name in recorded if name.startswith(MD)]
    if not remote or any(map(_is_quoted, remote)):
        return dict(stamps)
    found: dict[str, T] = {}
    for name, digest in stamps.items():
        catalog, _, thing = name.partition("/")
        if not name.startswith(MD) or not _is_quoted(thing):
            found[name] = digest
        elif thing.startswith('"'):
            found[f"{catalog}/{plain(thing)}"] = digest
    return found


def _is_quoted(name: str) -> bool:
    return name.endswith('"')
