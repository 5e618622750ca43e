"""The sections of `ops:` in `invoke.yaml`: what each key is, what it may be, and what it is when it is not there."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from ops_tasks.durations import parse as parse_duration
from ops_tasks.errors import UsageError

LOCAL, MOTHERDUCK = "local", "motherduck"
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def _span(value: object) -> object:
    try:
        return parse_duration(value, "the value") if isinstance(value, str) else value
    except UsageError as error:
        raise ValueError(error.reason) from None


def _address(value: str) -> str:
    if urlsplit(value).scheme not in ("http", "https") or not urlsplit(value).hostname:
        raise ValueError(f"{value!r} is no http(s) address")
    return value


Span = Annotated[timedelta, BeforeValidator(_span)]
Address = Annotated[str, AfterValidator(_address)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SqlmeshSection(_Section):
    """Where the SQLMesh project is; `state` is the DuckDB file of its `state_connection`, if it has one of its own.

    `cwd` is the folder that SQLMesh is started in (default: the project): relative paths of its configuration are
    relative to that.
    """

    project: Path
    cwd: Path | None = None
    gateway: str | None = None
    environment: str = "prod"
    state: Path | None = None


class ContractsSection(_Section):
    """Where the Soda contracts are and which data source name their `dataset:` lines begin with."""

    path: Path
    data_source: str


class DagsterSection(_Section):
    """The Dagster code location and its `DAGSTER_HOME`.

    `unit` is the systemd service that runs the daemon, if one does (`user:NAME` for the account's own); `webserver` is
    where the web server answers; `off` are schedules that are meant to be off.
    """

    module: str
    home: Path = Path(".dagster")
    unit: str | None = None
    webserver: Address | None = None
    off: tuple[str, ...] = ()


class DltSection(_Section):
    """The folder of dlt's local working state (`pipelines_dir`), one folder per pipeline below it."""

    pipelines_dir: Path


class TableSection(_Section):
    """One raw table; without a `date_column` it cannot be reloaded by window."""

    date_column: str | None = None


class LoadSection(_Section):
    """How a source is loaded: a dlt source function (`module:function`), or a command; a source may have no load."""

    dlt: str | None = None
    command: tuple[str, ...] | None = None

    @model_validator(mode="after")
    def _one(self) -> LoadSection:
        if (self.dlt is None) == (self.command is None):
            raise ValueError("give exactly one of 'dlt' and 'command'")
        return self


class WindowSection(_Section):
    """How a window is passed to the load: a pair of variables, a number of days back, or dlt's own interval."""

    start: str | None = None
    end: str | None = None
    days_back: str | None = None
    interval: bool = False

    @model_validator(mode="after")
    def _sound(self) -> WindowSection:
        if (self.start is None) != (self.end is None):
            raise ValueError("'start' and 'end' come together")
        if sum([self.start is not None, self.days_back is not None, self.interval]) > 1:
            raise ValueError("give one of 'start'/'end', 'days_back' and 'interval'")
        return self


class SourceSection(_Section):
    """One dlt source: where its raw tables are and how a window of it is loaded again.

    `horizon` is how far back an ordinary load reaches; without one it goes on where the last load ended.
    """

    catalog: str
    dataset: str
    tables: dict[str, TableSection] = Field(min_length=1)
    load: LoadSection | None = None
    pipeline: str | None = None
    window: WindowSection = WindowSection()
    horizon: Span | None = None


class GateSection(_Section):
    """Thresholds of diagnosis and gate, in percent.

    `low`/`spike`: a day is flagged, and a reload refused, below/above this share of the median of the same weekday.
    `keep`: a reload must bring at least this share of the rows that were there.
    """

    low: float = Field(default=60, gt=0, lt=100)
    spike: float = Field(default=180, gt=100)
    keep: float = Field(default=80, ge=0, le=100)


class GuardSection(_Section):
    """How old a verified snapshot may be that permits a restatement: `24h`, `2d`."""

    max_age: Span = timedelta(hours=24)


class WatchKeepSection(_Section):
    """Which of its own snapshots `watch.snapshot` keeps, in restic's words; 0 switches one off."""

    last: int = Field(default=3, ge=0)
    hourly: int = Field(default=24, ge=0)
    daily: int = Field(default=7, ge=0)
    weekly: int = Field(default=4, ge=0)
    monthly: int = Field(default=0, ge=0)
    within: Span = timedelta()


class WatchDiskSection(_Section):
    """When `watch.disk` finds something: fewer days to full than `days`, or less free than a disk's least.

    That is `percent` of its bytes, and of its inodes, but never less than 100 MB, and `inodes` of them.
    """

    days: float = Field(default=7, gt=0)
    inodes: int = Field(default=1000, ge=0)
    percent: float = Field(default=1, ge=0, lt=100)


class WatchSection(_Section):
    """What runs without anybody there.

    `daemon_seconds`: how old the heartbeat of Dagster's daemon may be; `grace_minutes`: how late a schedule may fire;
    `lookback`: how far back fires are looked for. `ping` and `operations` are addresses of a dead-man service, for the
    watches and for the operations; `{check}` in one of them is replaced by what it is about.
    """

    keep: WatchKeepSection = WatchKeepSection()
    disk: WatchDiskSection = WatchDiskSection()
    daemon_seconds: int = Field(default=120, ge=60, le=3600)
    grace_minutes: int = Field(default=10, ge=2, le=24 * 60)
    lookback: Span = timedelta(days=14)
    ping: Address | None = None
    operations: Address | None = None


class OpsSection(_Section):
    """The whole `ops:` section; every path is relative to `root`, `root` itself to the file."""

    root: Path = Path()
    home: Path = Path(".ops")
    clock: datetime | date | None = None
    backend: Literal["local", "motherduck"] = LOCAL
    databases: dict[str, Path] = Field(min_length=1)
    python_path: tuple[Path, ...] = (Path(),)
    sqlmesh: SqlmeshSection
    contracts: ContractsSection | None = None
    dagster: DagsterSection | None = None
    dlt: DltSection | None = None
    sources: dict[str, SourceSection] = Field(default_factory=dict)
    date_columns: dict[str, str] = Field(default_factory=dict)
    gate: GateSection = GateSection()
    guard: GuardSection = GuardSection()
    watch: WatchSection = WatchSection()

    @field_validator("databases")
    @classmethod
    def _attachable(cls, value: dict[str, Path]) -> dict[str, Path]:
        # DuckDB (1.5) attaches nothing under the names of its own catalogs and default schema.
        if taken := sorted({"main", "temp", "system"} & {name.lower() for name in value}):
            raise ValueError(f"{taken[0]!r} is a name that DuckDB keeps for itself; call the catalog something else")
        return value

    @field_validator("clock", mode="before")
    @classmethod
    def _day(cls, value: object) -> object:
        # pydantic would make a midnight of a date that comes as text: quoted, or from the environment
        return date.fromisoformat(value) if isinstance(value, str) and DAY.fullmatch(value) else value
