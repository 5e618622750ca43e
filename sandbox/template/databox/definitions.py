"""Dagster: assets for the raw tables and the models, checks for the contracts, jobs, schedules and a sensor."""

# Dagster's own decorators and factories are partially untyped.
# pyright: reportUnknownMemberType=false

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import dagster as dg

from ops_tasks.dagster import freshness_violation_sensor, soda_asset_checks

from . import settings
from .lineage import FRESHNESS, MODELS, TABLES


def raw_key(source: str, table: str) -> dg.AssetKey:
    """The asset of a raw table."""
    return dg.AssetKey([source, table])


def model_key(model: str) -> dg.AssetKey:
    """The asset of a SQLMesh model (`schema.name`)."""
    return dg.AssetKey(["sqlmesh", *model.split(".")])


def _run(log: Any, *arguments: str, more: Mapping[str, str] | None = None) -> str:
    """Run one of the stack's own commands in a process of its own; raises `dg.Failure` with its last words."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=settings.root(),
        env=os.environ | dict(more or {}),
        capture_output=True,
        text=True,
        check=False,
    )
    for line in (done.stdout + done.stderr).splitlines():
        log.info(line)
    if done.returncode:
        raise dg.Failure(f"{' '.join(arguments)} failed: {done.stderr.strip()[-800:]}")
    return done.stdout.strip()


def _ingestion(source: str) -> dg.AssetsDefinition:
    specs = [
        dg.AssetSpec(raw_key(source, table), group_name=f"{source}_ingestion", kinds={"dlt", "duckdb"})
        for table in TABLES[source]
    ]

    @dg.multi_asset(name=f"{source}_dlt_assets", specs=specs, can_subset=False)
    def load(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        told = _run(context.log, "databox.load", source)
        for spec in specs:
            yield dg.MaterializeResult(asset_key=spec.key, metadata={"load": told})

    return load


def _model_spec(model: str) -> dg.AssetSpec:
    deps = [raw_key(*name.split("/")) if "/" in name else model_key(name) for name in MODELS[model]]
    hours = FRESHNESS.get(model)
    return dg.AssetSpec(
        model_key(model),
        deps=deps,
        group_name=model.split(".")[0],
        kinds={"sqlmesh", "duckdb"},
        metadata={"freshness_sla_hours": hours} if hours else {},
        freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=hours)) if hours else None,
    )


@dg.multi_asset(name="sqlmesh_models", specs=[_model_spec(model) for model in MODELS], can_subset=True)
def sqlmesh_models(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
    """Every model; SQLMesh itself decides which intervals are due."""
    told = _run(context.log, "databox.transform", "run")
    # Dagster wants them upstream before downstream, which is the order of MODELS.
    for key in (model_key(model) for model in MODELS):
        if key in context.selected_asset_keys:
            yield dg.MaterializeResult(asset_key=key, metadata={"run": told.splitlines()[-1]})


@dg.op
def load_ebird_day(context: dg.OpExecutionContext) -> None:
    """Load one day of eBird: the partition."""
    day = context.partition_key
    told = _run(context.log, "databox.load", "ebird", more={"DATABOX_BACKFILL_START": day, "DATABOX_BACKFILL_END": day})
    for table in TABLES["ebird"]:
        context.log_event(dg.AssetMaterialization(raw_key("ebird", table), metadata={"day": day, "load": told}))


@dg.job(name="ebird_daily", partitions_def=dg.DailyPartitionsDefinition(start_date=str(settings.settings()["start"])))
def ebird_daily() -> None:
    """One day of eBird per partition."""
    load_ebird_day()


all_pipelines = dg.define_asset_job("all_pipelines", selection=dg.AssetSelection.all())
source_jobs = [
    dg.define_asset_job(f"{source}_ingestion", selection=dg.AssetSelection.groups(f"{source}_ingestion"))
    for source in TABLES
]

# all_pipelines loads every source: the schedules of single sources are there to be switched on instead of it.
schedules = [
    dg.ScheduleDefinition(
        name="all_pipelines_schedule",
        job=all_pipelines,
        cron_schedule="0 6 * * *",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    ),
    dg.build_schedule_from_partitioned_job(
        ebird_daily, name="ebird_daily_schedule", hour_of_day=5, default_status=dg.DefaultScheduleStatus.RUNNING
    ),
    *(
        dg.ScheduleDefinition(name=f"{job.name}_schedule", job=job, cron_schedule=f"{15 * number} 4 * * *")
        for number, job in enumerate(source_jobs)
    ),
]


assets = [*(_ingestion(source) for source in TABLES), sqlmesh_models]

defs = dg.Definitions(
    assets=assets,
    asset_checks=soda_asset_checks(assets, stack=settings.root()),
    jobs=[all_pipelines, *source_jobs, ebird_daily],
    schedules=schedules,
    sensors=[freshness_violation_sensor()],
    # One process per step would import everything anew for each of the checks.
    executor=dg.in_process_executor,
)
