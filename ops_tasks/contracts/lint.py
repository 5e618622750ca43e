"""Contracts that are invalid, that are missing, that lack what every mart needs, or that name what does not exist."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

from ops_tasks.contracts import engine, model, validity
from ops_tasks.contracts.findings import BREAKING, Finding, in_order
from ops_tasks.contracts.models import Columns, Project
from ops_tasks.contracts.source import Path_, Place, Source, parse
from ops_tasks.errors import UsageError, nearest

SUMMARIES = {
    "CONTRACT_INVALID": "Soda does not take the contract, or never evaluates a part of it.",
    "CONTRACT_MISSING": "A mart has no contract.",
    "ROW_COUNT_MISSING": "The contract of a mart has no row_count check.",
    "FRESHNESS_MISSING": "The contract of a mart has no freshness check.",
    "COLUMN_UNKNOWN": "A contract names a column that its model does not have.",
    "DATASET_UNKNOWN": "The dataset of a contract is no model of the project.",
    "DUPLICATE_DATASET": "Two contracts speak of the same dataset.",
}
ALLOWED = ("no-freshness", "no-row-count", "no-model")
KEYS = {"dataset", "columns", "checks"}
_ALLOW = re.compile(r"(?:^|\s)#\s*ops-allow:\s*(\S*)[ \t]*(?:--[ \t]*(\S.*))?$", re.M)


@dataclass(frozen=True)
class Waived:
    """What would be a finding if nobody had given a reason."""

    rule: str
    dataset: str
    file: str
    reason: str


@dataclass(frozen=True)
class Undecided:
    """What could not be judged, and why."""

    dataset: str
    file: str
    reason: str


@dataclass(frozen=True)
class Asked:
    """What the caller wants: `marts` are schemas, `no_contract` models as `schema.table`, `no_freshness` datasets."""

    marts: Sequence[str] = ()
    no_contract: Collection[str] = ()
    no_freshness: Collection[str] = ()


@dataclass(frozen=True)
class Text:
    """One file of the folder, its path as it is told."""

    file: str
    content: bytes

    @cached_property
    def source(self) -> Source:
        """Parsed; raises `UsageError` for what is not YAML."""
        return parse(self.file, self.content)

    @cached_property
    def dataset(self) -> str:
        """As it writes it, defaults of variables filled in."""
        said = engine.mapping(self.source.value).get("dataset")
        text = said if isinstance(said, str) else ""
        return model.build(self.source).dataset if "${" in text else text

    @property
    def is_contract(self) -> bool:
        """Whether it is meant as one: other YAML may lie beside them, a data source above all."""
        value: object = self.source.value
        return not isinstance(value, dict) or not value or bool(KEYS & engine.mapping(cast("object", value)).keys())

    @cached_property
    def allowed(self) -> dict[str, str]:
        """What its comments `# ops-allow: WHAT -- REASON` say: what -> reason."""
        text = self.content.decode("utf-8", errors="replace")
        found: dict[str, str] = {}
        for match in _ALLOW.finditer(text) if "ops-allow" in text else ():
            place = f"{self.file}:{text.count(chr(10), 0, match.start(1)) + 1}"
            if match[1] not in ALLOWED:
                raise UsageError(f"{place}: ops-allow: there is no {match[1]!r}", nearest(match[1], list(ALLOWED)))
            if not match[2]:
                raise UsageError(
                    f"{place}: ops-allow: {match[1]} has no reason", "write '-- ' and the reason behind it"
                )
            found[match[1]] = match[2].strip()
        return found


@dataclass
class Report:
    """What was found; `marts` and `contracts` are counts. Filled while judging."""

    findings: list[Finding] = field(default_factory=list[Finding])
    waived: list[Waived] = field(default_factory=list[Waived])
    undecided: list[Undecided] = field(default_factory=list[Undecided])
    contracts: int = 0
    marts: int = 0
    skipped: list[str] = field(default_factory=list[str])


def judge(
    texts: Iterable[Text], project: Project | None, asked: Asked = Asked(), only: Collection[str] | None = None
) -> Report:
    """Judge contracts, and whether every mart of `project` has one; without a project their validity alone.

    `only`: the files whose validity is judged; all of them where it is None. Raises `UsageError` for a text that is
    not YAML, and for a name in `asked` that means nothing.
    """
    report = Report()
    contracts: list[Text] = []
    for text in texts:
        _ = text.allowed  # a comment with a slip of the pen is told, needed or not
        if text.is_contract:
            contracts.append(text)
        else:
            report.skipped.append(text.file)
    report.contracts = len(contracts)
    if project is not None:
        _known_names(project, contracts, asked)
    for text in contracts:
        _contract(text, project, asked, report, validate=only is None or text.file in only)
    _duplicates(contracts, report)
    if project is not None:
        _complete(contracts, project, asked, report)
    report.findings = in_order(report.findings)
    return report


def _contract(text: Text, project: Project | None, asked: Asked, report: Report, *, validate: bool) -> None:
    """Everything about one contract."""
    models = project.of(text.dataset) if project else []
    columns = models[0].columns if len(models) == 1 else None

    if validate:
        report.findings += _invalid(text)
    if project and columns:
        report.findings += _columns(text, columns, project)
    if project is None or not text.dataset:
        return
    if not models:
        _unknown(text, project, report)
    elif len(models) > 1:
        report.undecided.append(Undecided(text.dataset, text.file, "several catalogs have such a table"))
    elif columns and columns.names is None:
        report.undecided.append(Undecided(text.dataset, text.file, f"{models[0].name}: {columns.why}"))
    if any(one.is_mart(asked.marts) for one in models):
        _needs(text, columns or Columns(None), asked, report)


def _invalid(text: Text) -> Iterator[Finding]:
    for fault in validity.faults(text.source):
        column = _column_of(text.source.value, fault.path)
        yield _finding("CONTRACT_INVALID", text, fault.message, fault.place, column)


def _columns(text: Text, known: Columns, project: Project) -> Iterator[Finding]:
    source = text.source
    if known.names is not None:
        there = f"the model has {', '.join(known.names)}" if len(known.names) <= 12 else _count(known.names)
        for path, name in _named(source.value):
            if "${" not in name and not known.has(name):
                yield _finding(
                    "COLUMN_UNKNOWN", text, f"there is no column {name!r}: {there}", source.place(*path), name
                )
    for path, dataset, name in _references(source.value):
        found = project.of(dataset)
        if len(found) == 1 and found[0].columns.names is not None and not found[0].columns.has(name):
            message = f"the reference {dataset} has no column {name!r}"
            yield _finding("COLUMN_UNKNOWN", text, message, source.place(*path), name)


def _named(contract: Any) -> Iterator[tuple[Path_, str]]:
    """Every column of the dataset that a contract needs: an optional one may be missing."""
    for index, column in enumerate(engine.items(contract, "columns")):
        said = engine.mapping(column)
        if isinstance(said.get("name"), str) and said.get("optional") is not True:
            yield ("columns", index, "name"), said["name"]
    for path, column, kind, body in engine.checks(contract):
        if column:
            continue
        if kind == "duplicate":
            for index, name in enumerate(engine.items(body, "columns")):
                if isinstance(name, str):
                    yield (*path, kind, "columns", index), name
        elif kind == "freshness" and isinstance(name := engine.mapping(body).get("column"), str):
            yield (*path, kind, "column"), name


def _references(contract: Any) -> Iterator[tuple[Path_, str, str]]:
    columns = [(("columns", at), column) for at, column in enumerate(engine.items(contract, "columns"))]
    bodies = [((*path, kind), body) for path, _, kind, body in engine.checks(contract)]
    for path, around in [*columns, *bodies]:
        said = engine.mapping(engine.mapping(around).get("valid_reference_data"))
        if isinstance(dataset := said.get("dataset"), str) and isinstance(name := said.get("column"), str):
            yield (*path, "valid_reference_data", "column"), dataset, name


def _unknown(text: Text, project: Project, report: Report) -> None:
    if "${" in text.dataset:
        report.undecided.append(Undecided(text.dataset, text.file, "a variable without a default is in its name"))
    elif "no-model" in text.allowed:
        report.waived.append(Waived("DATASET_UNKNOWN", text.dataset, text.file, text.allowed["no-model"]))
    elif project.unnamed:
        one = project.unnamed[0]
        report.undecided.append(Undecided(text.dataset, text.file, f"it may be the model in {one.file}: {one.why}"))
    else:
        hint = nearest(".".join(text.dataset.split("/")[-2:]), [model.name for model in project.models])
        close = f": {hint}" if hint.startswith("did") else ""
        message = f"no model of the project is {text.dataset}{close}"
        report.findings.append(_finding("DATASET_UNKNOWN", text, message, text.source.place("dataset")))


def _needs(text: Text, columns: Columns, asked: Asked, report: Report) -> None:
    kinds = {kind for _, column, kind, _ in engine.checks(text.source.value) if not column}
    if "row_count" not in kinds:
        message = "no row_count check: an empty table would pass"
        _unless("ROW_COUNT_MISSING", text, message, text.allowed.get("no-row-count"), report)
    if "freshness" not in kinds:
        flag = "--no-freshness" if _named_in(text.dataset, asked.no_freshness) else None
        reason = text.allowed.get("no-freshness") or flag or _timeless(text, columns)
        message = "no freshness check: old data would pass; # ops-allow: no-freshness -- REASON says why it may"
        _unless("FRESHNESS_MISSING", text, message, reason, report)


def _unless(rule: str, text: Text, message: str, reason: str | None, report: Report) -> None:
    if reason:
        report.waived.append(Waived(rule, text.dataset, text.file, reason))
    else:
        checks = text.source.place("checks") if "checks" in engine.mapping(text.source.value) else Place()
        report.findings.append(_finding(rule, text, message, checks))


def _timeless(text: Text, columns: Columns) -> str | None:
    """A reason where every column has a type that is known, and none of them is a date."""
    said = [engine.mapping(column) for column in engine.items(text.source.value, "columns")]
    types = {str(one.get("name")).lower(): str(one["data_type"]) for one in said if one.get("data_type")}
    types |= columns.types
    if columns.names is None or not all(name.lower() in types for name in columns.names):
        return None
    dated = any(types[name.lower()].lower().startswith(("date", "timestamp")) for name in columns.names)
    return None if dated else "it has no column with a date"


def _duplicates(contracts: Sequence[Text], report: Report) -> None:
    first: dict[str, Text] = {}
    for text in contracts:
        if not text.dataset:
            continue
        other = first.setdefault(text.dataset.lower(), text)
        if other is not text:
            place = text.source.place("dataset")
            report.findings.append(
                _finding("DUPLICATE_DATASET", text, f"{other.file} is a contract of the same dataset", place)
            )


def _complete(contracts: Sequence[Text], project: Project, asked: Asked, report: Report) -> None:
    marts = [one for one in project.models if one.is_mart(asked.marts)]
    report.marts = len(marts)
    covered = {id(one) for text in contracts for one in project.of(text.dataset)}
    for one in marts:
        if id(one) in covered:
            continue
        if one.excused or one.name.lower() in {name.lower() for name in asked.no_contract}:
            reason = "its tags say so" if one.excused else "--no-contract"
            report.waived.append(Waived("CONTRACT_MISSING", one.name, one.file, reason))
            continue
        message = "this mart has no contract"
        report.findings.append(Finding("CONTRACT_MISSING", BREAKING, one.name, None, one.file, one.line, 1, message))
    report.undecided += [Undecided("", unnamed.file, unnamed.why) for unnamed in project.unnamed]


def _known_names(project: Project, contracts: Sequence[Text], asked: Asked) -> None:
    """Refuse a name that means nothing: a waiver with a slip of the pen would otherwise waive nothing, unseen."""
    models = {one.name.lower(): one.name for one in project.models}
    for name in asked.no_contract:
        if name.lower() not in models and not project.unnamed:
            raise UsageError(f"--no-contract {name}: there is no such model", nearest(name, list(models.values())))
    for name in asked.no_freshness:
        if not any(_named_in(text.dataset, [name]) for text in contracts):
            datasets = [text.dataset for text in contracts]
            raise UsageError(f"--no-freshness {name}: no contract is of it", nearest(name, datasets))
    schemas = {one.schema.lower() for one in project.models}
    for name in asked.marts:
        if name.lower() not in schemas and not project.unnamed:
            raise UsageError(f"--marts {name}: no model is in that schema", nearest(name, sorted(schemas)))
    if not project.models and not project.unnamed:
        raise UsageError("the SQLMesh project has no model", "give the right --project, or --no-project")


def _named_in(dataset: str, names: Iterable[str]) -> bool:
    """Whether one of the names is the dataset: whole, or as `schema.table`."""
    short = ".".join(dataset.split("/")[-2:])
    return any(name.lower() in (dataset.lower(), short.lower()) for name in names)


def _finding(rule: str, text: Text, message: str, place: Place, column: str | None = None) -> Finding:
    return Finding(rule, BREAKING, text.dataset, column, text.file, place.line, place.offset, message)


def _column_of(contract: Any, path: Path_) -> str | None:
    if len(path) < 2 or path[0] != "columns" or not isinstance(path[1], int):
        return None
    name = engine.mapping(engine.items(contract, "columns")[path[1]]).get("name")
    return name if isinstance(name, str) else None


def _count(names: Sequence[str]) -> str:
    return f"the model has {len(names)} others"
