"""Soda contracts as blocking asset checks: no contract is green that was not verified whole."""

# Dagster's own decorators are partially untyped.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from ops_tasks.dagster.datasets import dataset_of
from ops_tasks.dagster.verdicts import verdict
from ops_tasks.errors import UsageError, nearest
from ops_tasks.stack import Stack, find_above
from ops_tasks.systems.slas import AssetName, key_of

Asset = dg.AssetsDefinition | dg.AssetSpec | dg.SourceAsset | dg.AssetKey
NO_CONTRACTS = "write `contracts: {path, data_source}` into the ops: section"


def soda_asset_checks(
    assets: Iterable[Asset],
    *,
    stack: str | Path | None = None,
    contracts: Iterable[str | Path] | None = None,
    asset_key: Callable[[str], AssetName] | None = None,
    name: str = "soda_contract",
    seconds: float = 300,
) -> list[dg.AssetChecksDefinition]:
    """Return one blocking check per Soda contract of the stack.

    `assets` are the assets that the code location has. The stack is that of the nearest `invoke.yaml` with an `ops:`
    section in or above the folder (or file) `stack`, by default the working directory. `contracts` are files to take
    instead of all, relative to the stack's root. `asset_key` makes an asset key of a dataset (`source/schema/table`);
    by default it is the one asset whose key ends in schema and table.

    A check passes when Soda says so and each of its checks, at least one, was evaluated and passed; everything else
    is a failed evaluation of severity ERROR that says why. Raises `UsageError` where a contract has no asset, two
    contracts have the same, or there is no contract at all: Dagster accepts a check of an asset that does not exist.
    """
    found = find_above(Path(stack) if stack is not None else Path.cwd(), "give `stack` the folder that holds it")
    graph = list(assets)
    keys = _keys(graph)
    of_asset: dict[dg.AssetKey, Path] = {}
    checks: list[dg.AssetChecksDefinition] = []
    for file in _files(found, contracts):
        dataset = dataset_of(file)
        key = _key(file, dataset, keys, asset_key)
        if key in of_asset:
            raise UsageError(f"{of_asset[key]} and {file} are both contracts of {key.to_user_string()}")
        of_asset[key] = file
        checks.append(_check(found, file, dataset, key, name, seconds, _in_one_step(graph, key)))
    return checks


def _check(
    stack: Stack, file: Path, dataset: str, key: dg.AssetKey, name: str, seconds: float, beside: Sequence[str]
) -> dg.AssetChecksDefinition:
    contract = file.relative_to(stack.root).as_posix() if file.is_relative_to(stack.root) else str(file)
    about = f"The Soda contract {contract}."
    if beside:
        about += f" It cannot stop {', '.join(beside)}: the same step computes them."

    @dg.asset_check(asset=key, name=name, blocking=True, description=about)
    def soda_contract() -> Any:
        found = verdict(stack, file, dataset, seconds)
        metadata: dict[str, Any] = {
            "checks": found.checks,
            "checks_passed": found.checks_passed,
            "contract": contract,
            "dataset": dataset,
        }
        if not found.passed:
            metadata["failing"] = dg.MetadataValue.json(list(found.problems))
        # With severity WARN a blocking check blocks nothing.
        return dg.AssetCheckResult(
            passed=found.passed,
            severity=dg.AssetCheckSeverity.ERROR,
            description="; ".join(found.problems) or f"{found.checks_passed} checks passed",
            metadata=metadata,
        )

    return soda_contract


def _files(stack: Stack, contracts: Iterable[str | Path] | None) -> list[Path]:
    from ops_tasks.scenarios.verify import contract_files

    if stack.config.contracts is None:
        raise UsageError(f"{stack.file} configures no contracts", NO_CONTRACTS)
    files = contract_files(stack) if contracts is None else [stack.root / file for file in contracts]
    if not files:
        raise UsageError(f"no contract in {stack.root / stack.config.contracts.path}, so nothing would be checked")
    return files


def _keys(assets: Iterable[Asset]) -> list[dg.AssetKey]:
    found: list[dg.AssetKey] = []
    for one in assets:
        if isinstance(one, dg.AssetsDefinition):
            found += one.keys
        else:
            found.append(one if isinstance(one, dg.AssetKey) else one.key)
    return found


def _key(
    file: Path,
    dataset: str,
    keys: Sequence[dg.AssetKey],
    asset_key: Callable[[str], AssetName] | None,
) -> dg.AssetKey:
    """The asset of a contract; `UsageError` with the nearest names when there is none, or more than one."""
    if asset_key is not None:
        wanted = key_of(asset_key(dataset))
        fitting = [key for key in keys if key == wanted]
    else:
        wanted = dg.AssetKey(dataset.split("/")[-2:])
        fitting = [key for key in keys if key.path[-len(wanted.path) :] == wanted.path]
    if len(fitting) > 1:
        several = ", ".join(key.to_user_string() for key in fitting)
        raise UsageError(f"{file}: {dataset} may be any of {several}", "say which with `asset_key`")
    if not fitting:
        hint = nearest(wanted.to_user_string(), [key.to_user_string() for key in keys])
        raise UsageError(f"{file}: {dataset} is of no asset: there is no {wanted.to_user_string()}", hint)
    return fitting[0]


def _in_one_step(assets: Iterable[Asset], key: dg.AssetKey) -> list[str]:
    """Assets that depend on `key` and are computed together with it, in a step that ends before any check begins."""
    for one in assets:
        if isinstance(one, dg.AssetsDefinition) and key in one.keys and len(list(one.keys)) > 1:
            behind = {key}
            while more := {s.key for s in one.specs if behind & {d.asset_key for d in s.deps}} - behind:
                behind |= more
            return sorted(other.to_user_string() for other in behind - {key})
    return []
