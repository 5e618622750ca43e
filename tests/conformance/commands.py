"""Command lines: whole ones, and those in the middle of a sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath

from hooks.shell_words import split
from tests.conformance.checkers import ASSIGNMENT

# Words that name a command wherever they stand before a space, and those of them that also begin ordinary sentences.
PROGRAMS = (
    "invoke|inv|ops|ops-(?!tasks)[a-z-]+|sqlmesh|dagster|dagster-daemon|dagster-webserver|dlt|soda|pre-commit|git|"
    "systemctl|journalctl|systemd-analyze|loginctl|crontab|kill|cp|mv|df|rm|pip|uv|nox|python3?|duckdb|sudo|docker"
)
SPACES = ("ops", "snapshot", "verify", "watch", "schema", "plan", "dagster", "db", "sandbox", "dev")
# A name of a program with one of these behind it is the subject of a sentence, no command.
SUBJECT = re.compile(
    r"is|has|had|cannot|can|does|did|do|keeps|kept|replaces|replaced|loaded|restates|says|said|stopped|failed|"
    r"extracted|never|stores|installed|here|repository|hook|import|needs|refuses|was|and|or|in|of|that|source|daemon|itself|on|with|if|any|no|by|for|to|"
    r"compares|knows|adds|makes|shows|caps|extracted's|working|run:|writes|project|function|pipeline's|contract's"
)
# A command ends before one of these: the sentence goes on.
SENTENCE = re.compile(
    r"tells|says|asks|plans|puts|loads|starts|shows|turns|leaves|ends|runs|goes|brings|if|begins|and|or|then|before|"
    r"takes|names|over|the|is|in|refuses|there|says,|computes|beside|that"
)
CLAUSE = re.compile(r";(?:\s|$)|,(?:\s|$)|\s\(|\)|: |\n|`| · |\?$|\.$|\. |→|\s{2,}| -- REASON| as edit")
STARTS = re.compile(rf"(?:^|(?<=[\s(`\"→|]))(?:{PROGRAMS})(?=\s[\w\"'<$-])")
TASK = re.compile(rf"(?<![\w./*{{}}@-])(?:{'|'.join(SPACES)})\.[a-z][a-z_-]*(?:\.[\w-]+)*(?![\w/(=*])")
MARKUP = re.compile(r"\[/?(?:bold|dim|red|green|yellow|cyan)\]")
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
# Something that looks like a command although nobody knows the program: told, so that nothing goes unseen.
STRANGER = re.compile(r"(?:^|: |; |→ |`)([a-z][\w.-]*) -{1,2}[a-z]")


@dataclass(frozen=True)
class Command:
    """One simple command of a text: where it stands, and its words."""

    where: str
    words: tuple[str, ...]

    @property
    def program(self) -> str:
        """Its first word that is no variable."""
        return next((PurePath(word).name for word in self.words if not ASSIGNMENT.fullmatch(word)), "")

    def __str__(self) -> str:
        return f"{self.where}: {' '.join(self.words)}"


def shell(where: str, text: str) -> Iterator[Command]:
    """Every simple command of shell text, those in substitutions too."""
    for command in split(text):
        if command.words:
            yield Command(where, tuple(command.words))
        for _, inner in command.inner:
            yield from shell(where, inner)


def usage(text: str) -> str:
    """A usage line as somebody would type it: optional parts given, the first of several choices, dots a word."""
    text = re.sub(r"(?<=[\s\"'])\[((?:-|\w+=)[^\[\]]*)\]", r"\1", text)
    text = re.sub(r"\[options\] ?", "", text)
    text = re.sub(r"(?<=[\w])\|[\w|]+", "", text)
    text = re.sub(r"<[\w ]+>", "word", text)
    return re.sub(r"(?<= )\.\.\.(?= |$)", "word", text)


def prose(where: str, text: str) -> Iterator[Command]:
    """The commands in a sentence; rich's marks for bold and dim are no part of it."""
    at, text = 0, MARKUP.sub("", text)
    while found := STARTS.search(text, at):
        at = found.end()
        rest = text[found.start() :]
        clause = CLAUSE.search(rest)
        line = usage(rest[: clause.start()] if clause else rest)
        if line.split()[1:2] and SUBJECT.fullmatch(line.split()[1]):
            continue
        at = found.start() + (clause.start() if clause else len(rest))
        for command in shell(where, line):
            words = list(command.words)
            stop = next((i for i, word in enumerate(words) if i and SENTENCE.fullmatch(word)), len(words))
            if words[:stop]:
                yield Command(where, tuple(words[:stop]))


def without_commands(text: str) -> str:
    """The sentence, with its commands cut out."""
    at, kept = 0, ""
    while found := STARTS.search(text, at):
        clause = CLAUSE.search(text, found.start())
        kept += text[at : found.start()] + " "
        at = clause.start() if clause else len(text)
    return kept + text[at:]
