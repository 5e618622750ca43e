"""Two sets of contract files -> findings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ops_tasks.contracts import model
from ops_tasks.contracts.findings import Finding, in_order
from ops_tasks.contracts.match import Change, match, paired
from ops_tasks.contracts.model import Contract
from ops_tasks.contracts.rules import RULES
from ops_tasks.contracts.source import Source

INVALID, META = "CONTRACT_INVALID", "META_CHANGED"


@dataclass(frozen=True)
class Versions:
    """What is to be compared: the parsed files that differ, and the datasets of the new tree's other files.

    `untouched` maps dataset -> files that are the same in both trees: they are not parsed.
    """

    old: Sequence[Source]
    new: Sequence[Source]
    untouched: Mapping[str, Sequence[str]]


def compare(versions: Versions) -> list[Finding]:
    """Run every rule over every dataset that differs."""
    return in_order(finding for change in changes(versions) for finding in judge(change))


def judge(change: Change) -> Iterator[Finding]:
    """What the rules say of one dataset."""
    there = change.old or change.new
    speaks = change.new or change.old
    if there is None or speaks is None:
        return
    hits = [(rule, hit) for rule in RULES.values() for hit in rule.judge(change)]
    invalid = any(rule.id == INVALID for rule, _ in hits)
    for rule, hit in hits:
        if not (invalid and rule.id == META):  # what makes it invalid is told already
            at = hit.place
            told = (there.dataset, hit.column, speaks.file, at.line, at.offset, hit.message)
            yield Finding(rule.id, rule.severity, *told)


def changes(versions: Versions) -> Iterator[Change]:
    """Match the datasets of both trees: by name, then as renames; what is new or gone comes last."""
    old = [model.build(source) for source in versions.old]
    new = [model.build(source) for source in versions.new]
    by_file, old, new = paired(old, new, lambda contract: (contract.dataset, contract.file))
    by_name, old, new = paired(old, new, lambda contract: contract.dataset or contract.file)
    # A contract that another, untouched file still is the contract of is neither gone nor to be called renamed.
    gone = [contract for contract in old if contract.dataset not in versions.untouched]
    renamed, gone, new = _renamed(gone, new)
    pairs: list[tuple[Contract | None, Contract | None]] = [*by_file, *by_name, *renamed]
    pairs += [(contract, None) for contract in gone]
    pairs += [(None, contract) for contract in new]
    files = _files(versions, [after for _, after in pairs if after])
    for before, after in pairs:
        others = [file for file in files.get(after.dataset, []) if file != after.file] if after else []
        yield match(before, after, others if after and after.dataset else [])


def _renamed(
    old: list[Contract], new: list[Contract]
) -> tuple[list[tuple[Contract, Contract]], list[Contract], list[Contract]]:
    """The same file with another dataset in it, then another file with exactly the same columns."""
    same_file, old, new = paired(old, new, lambda contract: contract.file)
    telling = [contract for contract in new if contract.columns]
    same_columns, old, _ = paired(old, telling, _columns)
    taken = {after.file for _, after in same_columns}
    return [*same_file, *same_columns], old, [contract for contract in new if contract.file not in taken]


def _columns(contract: Contract) -> tuple[tuple[str, str | None], ...]:
    return tuple(sorted((column.name, column.data_type) for column in contract.columns))


def _files(versions: Versions, new: Iterable[Contract]) -> dict[str, list[str]]:
    files = {dataset: list(names) for dataset, names in versions.untouched.items()}
    for contract in new:
        files.setdefault(contract.dataset, []).append(contract.file)
    return {dataset: sorted(names) for dataset, names in files.items()}
