"""What an operation found before it began, and what its steps have proven, in their own numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, cast

from ops_tasks.operation.journal import Record
from ops_tasks.scenarios.account_changes import Changes, days
from ops_tasks.scenarios.account_facts import Check
from ops_tasks.stack import MD

Result = Mapping[str, Any]
INSTANT = re.compile(r"\b(\d{4}-\d\d-\d\d)T(\d\d:\d\d):\d\d(?:\.\d+)?(?:\+00:00|Z)(?!\w)")
KINDS = {"zero": "no rows", "low": "too few rows", "spike": "too many rows"}
BACK = "Put back"
SEVERAL = re.compile(r"^(\d+) of (\d+) (contracts|checks)\b")


def found(planned: Mapping[str, Any]) -> Iterator[str]:
    """The evidence that led to the plan: what was seen, and the days that looked wrong, table by table."""
    arguments = cast("Mapping[str, Any]", planned.get("arguments", {}))
    yield from (INSTANT.sub(r"\1 \2 UTC", str(one)) for one in planned.get("seen", []))
    grouped: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for flag in cast("list[dict[str, Any]]", arguments.get("flags") or []):
        grouped.setdefault((str(flag["table"]), str(flag["kind"])), []).append(flag)
    for (table, kind), flags in grouped.items():
        rows = _span(int(flag["rows"]) for flag in flags)
        usual = _span(round(flag["usual"]) for flag in flags)
        when = days(date.fromisoformat(str(flag["day"])) for flag in flags)
        had = "" if kind == "zero" else f"{rows} a day where "
        yield f"{table}: {KINDS.get(kind, kind)} on {when}; {had}{usual} {'are' if had else 'a day are'} usual"
    if "flags" in arguments and not grouped:
        yield "No day looked wrong by its number of rows; the window was asked for."
    expected = cast("Mapping[str, Any]", arguments.get("expected") or {})
    for word in ("added", "modified", "removed"):
        if names := cast("list[str]", expected.get(word) or []):
            yield f"The plan had these models {word}: {', '.join(names)}"


def _span(numbers: Iterator[int]) -> str:
    known = sorted(numbers)
    return f"{known[0]:,}" if known[0] == known[-1] else f"{known[0]:,} to {known[-1]:,}"


def checks(record: Record, titles: Mapping[str, str]) -> Iterator[Check]:
    """One line per proof; a step that failed is one as well."""
    for step, result in record.results.items():
        yield from _checked(step, titles.get(step, step), result)
    for event in record.events:
        if event.event == "failed" and event.step not in record.results:
            yield Check(titles.get(event.step or "", event.step or "?"), str(event.data.get("reason", "")), well=False)
        elif event.event in ("put_back", "rolled_back", "refused"):
            yield from _back(event.data)


def _checked(step: str, title: str, result: Result) -> Iterator[Check]:
    for told, tell in TOLD.items():
        if told in result:
            yield from tell(step, title, result)


def _snapshot(_step: str, _title: str, result: Result) -> Iterator[Check]:
    files = f"{result['files']} files, " if "files" in result else ""
    yield Check(f"Snapshot {result['snapshot']}", f"{files}{int(result['bytes']) / 1e6:,.1f} MB")


def _said(_step: str, title: str, result: Result) -> Iterator[Check]:
    findings = cast("list[dict[str, Any]]", result.get("findings") or [])
    more = f"; {len(findings)} findings, the first: {findings[0].get('reason', '')}" if findings else ""
    yield Check(title, f"{result['said']}{more}", not findings)


def _audits(_step: str, _title: str, result: Result) -> Iterator[Check]:
    told = cast("list[dict[str, Any]]", result["audits"])
    bad, skipped = (sum(bool(one[what]) for one in told) for what in ("failures", "skipped"))
    more = f", {skipped} did not run: their definitions skip them" if skipped else ""
    if told:
        said = f"{len(told) - bad - skipped} of {len(told)} passed{more}"
        yield Check("Audits of the restated models", said, not bad)


def _contracts(_step: str, _title: str, result: Result) -> Iterator[Check]:
    for one in cast("list[dict[str, Any]]", result["contracts"]):
        problems = "".join(f"; {problem}" for problem in one.get("problems", [])[:1])
        said = f"{one['checks_passed']} of {one['checks']} checks passed{problems}"
        yield Check(f"Contract {one['dataset']}", said, bool(one["passed"]))


def _untouched(_step: str, title: str, result: Result) -> Iterator[Check]:
    said = f"{result['tables']} tables, {result['rows']:,} rows: {result['changed']} changed, all of them as planned"
    yield Check(title, said)


def _staged(_step: str, title: str, result: Result) -> Iterator[Check]:
    for source, tables in cast("dict[str, dict[str, int]]", result["staged"]).items():
        told = ", ".join(f"{rows:,} rows of {name.rsplit('.', 1)[-1]}" for name, rows in tables.items())
        yield Check(title, f"{source} brought {told}")


def _lost(_step: str, title: str, result: Result) -> Iterator[Check]:
    lost = cast("list[str]", result["lost"])
    said = f"{len(result['tables'])} tables have all their days"
    yield Check(title, f"accepted as lost: {'; '.join(lost)}" if lost else said, not lost)


def _identical(_step: str, title: str, result: Result) -> Iterator[Check]:
    if result.get("identical"):
        yield Check(title, f"{result['files']} files are byte-identical to the snapshot's")


def _counted(step: str, title: str, result: Result) -> Iterator[Check]:
    if step in ("examine", "rows"):
        yield Check(title, f"{result['tables']} tables, {result['rows']:,} rows")


def _evaluated(_step: str, title: str, result: Result) -> Iterator[Check]:
    yield Check(title, f"{result['passed']} checks of {len(result['assets'])} assets")


def _late(_step: str, title: str, result: Result) -> Iterator[Check]:
    others = cast("dict[str, str]", result["late"])
    more = f"; late, and not of these runs: {', '.join(others)}" if others else ""
    yield Check(title, f"{result['assets']} assets with an SLA{more}")


TOLD: dict[str, Callable[[str, str, Result], Iterator[Check]]] = {
    "snapshot": _snapshot,
    "said": _said,
    "audits": _audits,
    "contracts": _contracts,
    "untouched": _untouched,
    "staged": _staged,
    "lost": _lost,
    "identical": _identical,
    "rows": _counted,
    "passed": _evaluated,
    "late": _late,
}


def _back(evidence: Mapping[str, Any]) -> Iterator[Check]:
    if "files" not in evidence:
        yield Check(BACK, "nothing had been changed")
        return
    theirs = cast("list[str]", evidence.get("theirs") or [])
    same = int(evidence["files"]) - sum(not one.startswith(MD) for one in theirs)
    yield Check(BACK, f"{same} files are byte-identical to before")
    if theirs:
        yield Check(BACK, f"as somebody else has written it meanwhile: {', '.join(theirs)}", well=False)
    if aside := cast("list[str]", evidence.get("aside") or []):
        yield Check(BACK, f"what was there until then is kept: {', '.join(aside)}")


def figures(record: Record, told: Changes, made: Sequence[Check]) -> Iterator[tuple[str, str]]:
    """The few numbers that a reader wants first."""
    if record.status == "succeeded":
        if told.changes:
            yield f"{len(told.changes)}", "tables changed" if told.untouched else "tables made again"
        if told.same:
            yield f"{len(told.same)}", "tables proven untouched"
    runs = [one for one in record.results.values() if one.get("run") and "partition" in one]
    if runs:
        yield f"{len(runs)}", "missed runs made up for"
    if contracts := _held(record):
        yield f"{contracts[0]} of {contracts[1]}", "contracts hold"
    put_back = [one for one in made if one.name == BACK and one.well and one.said[0].isdigit()]
    for one in put_back:
        yield one.said.split()[0], "files byte-identical to before"
    bad = sum(not one.well for one in made)
    if bad:
        yield f"{bad}", "checks failed" if bad > 1 else "check failed"


def _held(record: Record) -> tuple[int, int] | None:
    """Contracts that hold, of how many were verified on the live data."""
    result = record.results.get("contracts", {})
    if told := cast("list[dict[str, Any]]", result.get("contracts") or []):
        return sum(bool(one["passed"]) for one in told), len(told)
    said = SEVERAL.match(str(result.get("said", "")))
    return (int(said[1]), int(said[2])) if said else None
