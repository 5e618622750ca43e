"""What was found out about a project, each thing with its reason; a value that is a guess asks a question."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Fact:
    """One key of the `ops:` section: its value, why it is that, and what a person has to confirm, if anything."""

    key: tuple[str, ...]
    value: Any
    why: str
    question: str = ""

    @property
    def name(self) -> str:
        """The key in one word: `ops.sqlmesh.project`."""
        return ".".join(["ops", *self.key])


@dataclass(frozen=True)
class Found:
    """All of it: `facts` in the order of the section, `notes` for what is there and has no key, `section` as a tree."""

    facts: tuple[Fact, ...]
    notes: tuple[str, ...] = ()

    @property
    def section(self) -> dict[str, Any]:
        """The `ops:` section that the facts make."""
        return tree_of(self.facts)

    @property
    def questions(self) -> list[Fact]:
        """The facts that a person has to confirm."""
        return [fact for fact in self.facts if fact.question]


def tree_of(facts: Iterable[Fact]) -> dict[str, Any]:
    """Nested mappings of facts, in their order."""
    made: dict[str, Any] = {}
    for fact in facts:
        here = made
        for part in fact.key[:-1]:
            here = here.setdefault(part, {})
        here[fact.key[-1]] = fact.value
    return made
