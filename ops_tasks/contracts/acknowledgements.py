"""Who accepts which breaking change, and why: lines of a pull request's text, entries of a committed file."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import cast

from ops_tasks.contracts.findings import BREAKING, WARNING, Finding
from ops_tasks.contracts.source import Source
from ops_tasks.errors import UsageError, nearest

EXPIRED = "ACK_EXPIRED"
UNUSED = "ACK_UNUSED"
BROAD = "ACK_BROAD"
RULES: Mapping[str, str] = {EXPIRED: WARNING, UNUSED: WARNING, BROAD: WARNING}

ANY = "*"
A_YEAR = 366  # days, so that the same day of the next year is never too far
KEYS = ("dataset", "rule", "column", "reason", "expires")

_WORD = "accept-breaking-change"
_LINE = re.compile(rf"{_WORD}\s*:(?P<rest>.*)", re.IGNORECASE)
_BEFORE = re.compile(r"(?:\s*(?:>|[-*+]\s))*\s*")
# Editors make a dash of two hyphens: U+2012 to U+2015.
_DASH = re.compile(r"(?:^|\s)(?:-{2,}|[\u2012-\u2015]+|-(?=\s|$))")
_QUOTE = re.compile(r"(?:\s*>)+\s?")
_FENCE = re.compile(r"(?P<marks>`{3,}(?=[^`]*$)|~{3,})(?P<info>.*)")
_MARKS = re.compile(r"(`+|<!--|-->)")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


@dataclass(frozen=True)
class Ack:
    """One acknowledgement: what it covers, why, and where it stands (`line` and `offset` count from 1).

    Without a `rule` it covers every breaking rule of the dataset, without a `column` every column and the dataset
    itself. `expires` is the last day on which it counts; None for a line of a pull request, which ends with it.
    """

    dataset: str
    rule: str | None
    column: str | None
    reason: str
    file: str
    line: int
    offset: int
    expires: date | None = None

    @property
    def committed(self) -> bool:
        """Whether it is an entry of the committed file, and no line of a pull request."""
        return self.expires is not None

    def covers(self, finding: Finding) -> bool:
        """Whether it names this finding, be the acknowledgement valid or not."""
        if self.dataset not in (ANY, finding.dataset) or self.column not in (None, finding.column):
            return False
        return finding.rule == self.rule if self.rule else finding.severity == BREAKING


def from_body(text: str, known: Mapping[str, str], file: str) -> list[Ack]:
    """Read the lines `accept-breaking-change: <dataset> [RULE ...] -- reason` of a pull request's text.

    What stands in an HTML comment or in a fenced block of code is no acknowledgement. `known` maps rule id ->
    severity; `file` is the name that is told. Raises `UsageError` with file and line for a rule that does not exist.
    """
    found: list[Ack] = []
    for number, line in _visible(text):
        offset = _length(_BEFORE, line)
        said = _LINE.match(_bare(line[offset:]))
        if said:
            found += _of_line(said["rest"], known, file, number, offset + 1)
    return found


def from_file(source: Source, known: Mapping[str, str]) -> list[Ack]:
    """Read the committed list of `{dataset, rule, column?, reason, expires}`; an empty file is an empty list.

    Raises `UsageError` with file and line for everything that is not of this shape. A reason that is missing or empty
    is of this shape: such an entry does not count, which `apply` tells.
    """
    entries: object = source.value if source.value is not None else []
    if not isinstance(entries, list):
        raise UsageError(f"{source.file}:1: the acknowledgements are no list", "begin every entry with '- dataset: '")
    return [_of_entry(source, index, known) for index in range(len(cast("list[object]", entries)))]


def apply(findings: Sequence[Finding], acks: Sequence[Ack], today: date) -> list[Finding]:
    """The findings, accepted where an acknowledgement that counts covers them, then what is wrong with those.

    `today` is a day in UTC. The findings keep their order.
    """
    counting = [ack for ack in acks if _counts(ack, today)]
    # Of several, the one that says most exactly what it is about gives the reason.
    counting.sort(key=lambda ack: (ack.rule is None, ack.column is None))
    marked: list[Finding] = []
    for finding in findings:
        ack = next((ack for ack in counting if ack.covers(finding)), None)
        marked.append(replace(finding, acknowledged=True, reason=ack.reason) if ack else finding)
    return [*marked, *(told for ack in acks for told in _judge(ack, findings, today))]


def _counts(ack: Ack, today: date) -> bool:
    return _is_reason(ack.reason) and ack.dataset not in ("", ANY) and not _expired(ack, today)


def _expired(ack: Ack, today: date) -> bool:
    return ack.expires is not None and ack.expires < today


def _is_reason(text: str) -> bool:
    """Not empty, not only punctuation, and not the placeholder of the line that the gate prints."""
    return text.strip().lower() != "<reason>" and any(sign.isalnum() for sign in text)


def _judge(ack: Ack, findings: Sequence[Finding], today: date) -> Iterator[Finding]:
    """What is to be said of one acknowledgement."""
    covered = [finding for finding in findings if ack.covers(finding)]
    if not ack.dataset:
        yield _told(UNUSED, ack, f"it names no dataset: write '{_WORD}: <dataset> RULE -- reason'")
    elif not _is_reason(ack.reason):
        yield _told(UNUSED, ack, f"{_name(ack)} does not count: it has no reason; {_how_to_say_why(ack)}")
    elif ack.dataset == ANY:
        yield _told(BROAD, ack, f"'*' for every dataset does not count; {_instead(ack, covered)}")
    elif _expired(ack, today):
        needed = "still needed: decide again, or take the change back" if covered else "not needed: delete the entry"
        yield _told(EXPIRED, ack, f"{_name(ack)} was accepted until {ack.expires}, and is {needed}")
    elif not covered:
        yield _told(UNUSED, ack, f"nothing here needs {_name(ack)}; {_why_unused(ack, findings)}")
    else:
        if ack.rule is None:
            yield _told(BROAD, ack, f"it covers every breaking rule of {ack.dataset}; {_instead(ack, covered)}")
        if ack.expires and (ack.expires - today).days > A_YEAR:
            yield _told(
                BROAD, ack, f"{_name(ack)} is accepted until {ack.expires}, more than a year: choose a nearer day"
            )


def _told(rule: str, ack: Ack, message: str) -> Finding:
    return Finding(rule, RULES[rule], ack.dataset, ack.column, ack.file, ack.line, ack.offset, message)


def _name(ack: Ack) -> str:
    return f"{ack.rule or 'every breaking rule'} of {ack.dataset}{f'.{ack.column}' if ack.column else ''}"


def _how_to_say_why(ack: Ack) -> str:
    return "write one as 'reason:'" if ack.committed else "write one behind ' -- '"


def _instead(ack: Ack, covered: Sequence[Finding]) -> str:
    """The exact lines or entries that accept what is there, and no more."""
    rules: dict[str, list[str]] = {}
    for finding in covered:
        if finding.dataset:
            rules.setdefault(finding.dataset, []).append(finding.rule)
    if not rules:
        return "name the dataset and the rule"
    exact = {dataset: sorted(set(names)) for dataset, names in sorted(rules.items())}
    if ack.committed:
        column = f", column: {ack.column}" if ack.column else ""
        lines = [f"dataset: {dataset}, rule: {name}{column}" for dataset, names in exact.items() for name in names]
    else:
        lines = [f"{_WORD}: {dataset} {' '.join(names)} -- {ack.reason}" for dataset, names in exact.items()]
    return "write instead: " + "; ".join(f"'{line}'" for line in lines)


def _why_unused(ack: Ack, findings: Sequence[Finding]) -> str:
    refusing = [finding for finding in findings if finding.refuses and finding.dataset]
    there = sorted(
        {
            finding.rule + (f" ({finding.column})" if finding.column else "")
            for finding in refusing
            if finding.dataset == ack.dataset
        }
    )
    has = f"what refuses there is {', '.join(there)}" if there else ""
    if ack.committed:
        return "what it accepted has landed, or was taken back: delete the entry" + (f"; {has}" if has else "")
    if has or not refusing:
        return has or "delete the line"
    datasets = sorted({finding.dataset for finding in refusing})
    return f"nothing refuses in a dataset of this name ({nearest(ack.dataset, datasets)})"


@dataclass(frozen=True)
class _Fence:
    """An open block of code: its marks, the column where they begin, and whether a quote is around it."""

    marks: str
    indent: int
    quoted: bool

    def closed_by(self, line: str) -> bool:
        """As CommonMark has it: at least as many of the same marks, nothing behind, no deeper than three more."""
        rest = line[_length(_QUOTE, line) :] if self.quoted else line
        closing = _FENCE.match(rest.lstrip())
        return (
            closing is not None
            and closing["marks"].startswith(self.marks)
            and not closing["info"].strip()
            and len(line) - len(rest.lstrip()) <= self.indent + 3
        )


def _visible(text: str) -> Iterator[tuple[int, str]]:
    """The numbered lines that stand outside of HTML comments and of fenced code, what is left of them."""
    hidden = False
    fence: _Fence | None = None
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text.removeprefix("\ufeff")), start=1):
        if fence and fence.quoted and not _QUOTE.match(line):
            fence = None  # the quote has ended, and the code in it
        if fence:
            fence = None if fence.closed_by(line) else fence
            continue
        indent = _length(_BEFORE, line)
        opening = None if hidden else _FENCE.match(line, indent)
        if opening:
            fence = _Fence(opening["marks"], indent, _QUOTE.match(line) is not None)
            continue
        shown, hidden = _without_comments(line, hidden)
        yield number, shown


def _length(pattern: re.Pattern[str], line: str) -> int:
    found = pattern.match(line)
    return found.end() if found else 0


def _without_comments(line: str, hidden: bool) -> tuple[str, bool]:
    """What a line shows, and whether a comment goes on behind it; `hidden`: it begins inside of one."""
    parts = _MARKS.split(line)
    shown: list[str] = []
    at = 0
    while at < len(parts):
        part, end = parts[at], at + 1
        if hidden:
            hidden = part != "-->"
        elif part == "<!--":
            hidden = True
        else:
            if part.startswith("`") and part in parts[end:]:
                end = parts.index(part, end) + 1  # a comment inside of code is none
            shown += parts[at:end]
        at = end
    return "".join(shown), hidden


def _bare(text: str) -> str:
    """Without the backticks around its beginning, or around all of it."""
    before, *parts = re.split(r"(`+)", text)
    if before or not parts or parts[0] not in parts[1:]:
        return text
    end = parts.index(parts[0], 1)
    return "".join([*parts[1:end], *parts[end + 1 :]]).lstrip()


def _of_line(rest: str, known: Mapping[str, str], file: str, line: int, offset: int) -> Iterator[Ack]:
    """One acknowledgement for every rule that a line names, or one for all of them."""
    dash = _DASH.search(rest)
    subject, reason = (rest[: dash.start()], rest[dash.end() :].strip()) if dash else (rest, "")
    dataset, *words = [word.strip("`") for word in subject.split()] or [""]
    rules = [rule.strip("`") for word in words for rule in word.split(",") if rule.strip("`")]
    for rule in dict.fromkeys(rules or [ANY]):
        if rule != ANY:
            _must_exist(rule, known, f"{file}:{line}", "a reason begins with ' -- ', a dataset has no spaces here")
        yield Ack(dataset, None if rule == ANY else rule, None, reason, file, line, offset)


def _must_exist(rule: str, known: Collection[str], where: str, hint: str = "") -> None:
    if rule not in known:
        way_out = nearest(rule.upper(), list(known))
        raise UsageError(f"{where}: there is no rule {rule!r}", f"{way_out}; {hint}" if hint else way_out)


def _of_entry(source: Source, index: int, known: Mapping[str, str]) -> Ack:
    value: object = source.value[index]
    if not isinstance(value, dict):
        raise _wrong(source, index, None, "is no mapping", f"its keys are {', '.join(KEYS)}")
    entry = cast("dict[str, object]", value)
    for key in entry:
        if key not in KEYS:
            raise _wrong(source, index, key, f"has an unknown key {key!r}", nearest(key, list(KEYS)))
    dataset = _text(source, index, "dataset")
    rule = _text(source, index, "rule")
    column = _text(source, index, "column") if "column" in entry else None
    if rule != ANY:
        _must_exist(rule, known, f"{source.file}:{source.place(index, 'rule').line}")
    reason = entry.get("reason")
    if reason is not None and not isinstance(reason, str):
        raise _wrong(source, index, "reason", "has a reason that is no text", "write it in quotes")
    place = source.place(index)
    return Ack(
        dataset,
        None if rule == ANY else rule,
        column,
        (reason or "").strip(),
        source.file,
        place.line,
        place.offset,
        _day(source, index, entry.get("expires")),
    )


def _text(source: Source, index: int, key: str) -> str:
    entry = cast("dict[str, object]", source.value[index])
    value = entry.get(key)
    if key not in entry or value is None or value == "":
        raise _wrong(source, index, key, f"has no {key}", f"write '{key}: ...'")
    if not isinstance(value, str):
        raise _wrong(source, index, key, f"has a {key} that is no text", "write exactly one, in quotes")
    return value


def _day(source: Source, index: int, value: object) -> date:
    way_out = "write the last day on which it counts: 'expires: YYYY-MM-DD'"
    if value is None:
        raise _wrong(source, index, "expires", "has no expires", way_out)
    # A plain YAML date comes as a date, one in quotes as a text; a datetime is a date to isinstance, too.
    if type(value) is date:
        return value
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise _wrong(source, index, "expires", f"has an expires that is no day: {value}", way_out)


def _wrong(source: Source, index: int, key: str | None, what: str, way_out: str) -> UsageError:
    place = source.place(index, key) if key else source.place(index)
    return UsageError(f"{source.file}:{place.line}: entry {index + 1} {what}", way_out)
