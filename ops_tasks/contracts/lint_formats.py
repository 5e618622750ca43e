"""What the lint found, as text, JSON or annotations of a pull request."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

from ops_tasks.contracts.findings import Finding
from ops_tasks.contracts.formats.summary import encodable, printable, subject, title
from ops_tasks.contracts.lint import Report

FORMATS = ("text", "json", "github")
TASK = "schema.lint"


def render(report: Report, format: str) -> str:
    """One document in one of `FORMATS`; it ends with a newline."""
    if format == "json":
        return json.dumps(document(report), indent=2) + "\n"
    lines = _commands(report) if format == "github" else _lines(report)
    return "\n".join([*lines, summary(report), ""])


def document(report: Report) -> dict[str, object]:
    """The JSON document as a value."""
    keys = ("rule", "severity", "dataset", "column", "file", "line", "offset", "message", "acknowledged")
    return {
        "schema": "ops/1",
        "task": TASK,
        "status": "findings" if report.findings else "ok",
        "findings": [{key: value for key, value in asdict(one).items() if key in keys} for one in report.findings],
        "waived": [asdict(one) for one in report.waived],
        "undecided": [asdict(one) for one in report.undecided],
        "skipped": list(report.skipped),
        "contracts": report.contracts,
        "marts": report.marts,
    }


def summary(report: Report) -> str:
    """One line that says what was judged, also where nothing was found."""
    judged = f"{_many(report.contracts, 'contract')}, {_many(report.marts, 'mart')}"
    found = _many(len(report.findings), "finding") if report.findings else "no findings"
    more = {"waived": report.waived, "not decided": report.undecided, "no contract": report.skipped}
    return "; ".join([f"{found} in {judged}", *(f"{len(some)} {word}" for word, some in more.items() if some)])


def _lines(report: Report) -> Iterator[str]:
    for one in report.findings:
        place = f"{one.file}:{one.line}:{one.offset}"
        yield " ".join(printable(part) for part in (place, one.rule, subject(one), one.message) if part)
    for some in report.waived:
        yield printable(f"waived: {some.rule} {some.dataset}: {some.reason}")
    for some in report.undecided:
        yield printable(f"not decided: {' '.join(part for part in (some.file, some.dataset) if part)}: {some.reason}")
    for file in report.skipped:
        yield printable(f"no contract: {file} has neither 'dataset' nor 'columns' nor 'checks'")


def _commands(report: Report) -> Iterator[str]:
    for one in report.findings:
        yield _command("error", one)
    for some in report.undecided:
        where = f" file={_property(some.file)}" if some.file else ""
        yield f"::notice{where}::{_data(f'not decided: {some.dataset}: {some.reason}')}"


def _command(kind: str, one: Finding) -> str:
    at = {"file": one.file, "line": str(one.line), "col": str(one.offset), "title": title(one)}
    return f"::{kind} {','.join(f'{name}={_property(value)}' for name, value in at.items())}::{_data(one.message)}"


def _data(text: str) -> str:
    """As `escapeData` of @actions/core."""
    return encodable(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """As `escapeProperty` of @actions/core."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _many(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"
