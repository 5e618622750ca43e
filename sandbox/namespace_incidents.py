"""The `sandbox.break` and `sandbox.fault` tasks: what goes wrong in a stack, and in the APIs it loads from."""

from __future__ import annotations

from dataclasses import asdict

from invoke.context import Context

from sandbox import tasking

START = "First day, YYYY-MM-DD (default: nine days before the stack's today)."
END = "Last day, YYYY-MM-DD, inclusive (default: seven days before the stack's today)."
OTHERS = " mass-delete and wrong-restate have defaults of their own."


@tasking.task(
    name="break",
    positional=["name"],
    help={
        "name": "The incident, one of those above.",
        "dir": tasking.DIR,
        "start": START + OTHERS,
        "end": END + OTHERS,
        "mode": "For bad-window: empty, half (default), wrong or spike.",
        "file": "databox, raw_ebird, raw_noaa, raw_usgs or sqlmesh_state (default: databox; for lost-wal raw_ebird).",
        "where": "For flip-bytes: used (default: table data), free (a block that nothing uses) or header.",
        "seed": "For flip-bytes: another number, another byte (default: 0).",
        "keep": "For truncate: percent of the file that stay (default: 60).",
        "days": "For lost-wal and old-data-new-state: how many days are lost (default: 5); for stopped-daemon 3.",
        "table": "For dropped-view and dropped-table: schema.name (default: ebird.fct_daily_bird_observations).",
        "schema": "For dropped-schema: a schema of databox (default: sqlmesh__ebird).",
        "leave": "For disk-full: KB that stay free (default: 64).",
        "json": tasking.JSON,
    },
)
def break_(
    _c: Context,
    *,
    name: str,
    dir: str = "",
    start: str = "",
    end: str = "",
    mode: str = "",
    file: str = "",
    where: str = "",
    seed: str = "",
    keep: str = "",
    days: str = "",
    table: str = "",
    schema: str = "",
    leave: str = "",
    json: bool = False,
) -> None:
    """Break the stack the way it breaks in life, so that there is something to mend.

    bad-window: for some days eBird was ingested badly and the marts were built on it; the API tells the truth again.
    mass-delete: DELETE without a good WHERE, in a mart and in the raw table below it; all but the newest five days go.
    wrong-restate: raw rows of the ten oldest days were deleted, and a restatement of these days emptied the marts too.
    flip-bytes: one byte of a file is not what was written, in table data, in free space or in a header.
    truncate: the end of a file is cut off.
    zero-file: a file has 0 bytes.
    lost-file: a database and its WAL are gone.
    stale-wal: the WAL of another database lies beside a file.
    lost-wal: rows were committed into the WAL of raw_ebird or databox, and the WAL was deleted.
    lost-state: SQLMesh's state and its WAL are gone.
    old-data-new-state: databox is some days older than the raw data and SQLMesh's state.
    dropped-view: a view of prod is gone.
    dropped-table: the physical table below a view is gone.
    dropped-schema: a schema is gone with all that was in it.
    disk-full: a ballast file fills the volume of the stack (only one with less than 2 GB free).
    locked: a process in the background holds a file open for writing, until unlock or sandbox.down.
    newer-storage: a file has the storage version of a newer DuckDB.
    stopped-daemon: Dagster's daemon was killed some days ago (default: 3), and its schedules have missed every fire.
    On a stack of MotherDuck only those that need no file of a catalog: bad-window, mass-delete, wrong-restate,
    lost-state, stopped-daemon and the dropped ones.

    Example: inv sandbox.break bad-window --mode=empty --dir=/tmp/stack
    """

    def body(say: tasking.Told) -> tasking.Answer:
        from sandbox import breaks
        from sandbox.api import server

        folder = tasking.folder(dir)
        options = {
            "start": tasking.day("--start", start),
            "end": tasking.day("--end", end),
            "mode": mode or None,
            "file": file or None,
            "where": where or None,
            "seed": tasking.whole("--seed", seed),
            "keep": tasking.whole("--keep", keep),
            "days": tasking.whole("--days", days),
            "table": table or None,
            "schema": schema or None,
            "leave": tasking.whole("--leave", leave),
        }
        done = breaks.apply(name, folder, **options)
        server.start(folder)
        say(done.words if done.name == "unlock" else f"broken: {done.words}")
        return "ok", {"dir": str(folder), "incident": done.name, "days": done.days, **done.facts}

    tasking.finish("sandbox.break", body, json=json)


@tasking.task(
    positional=["kind"],
    help={
        "kind": "error, empty, half, wrong, spike, slow, corrected (the new truth), or clear to take them all away.",
        "source": "ebird (default), noaa or usgs.",
        "start": START,
        "end": END,
        "seconds": "For slow: how long every answer is held back.",
        "corrections": "With clear: take the corrections back too.",
        "dir": tasking.DIR,
        "json": tasking.JSON,
    },
)
def fault(
    _c: Context,
    *,
    kind: str,
    source: str = "ebird",
    start: str = "",
    end: str = "",
    seconds: str = "",
    corrections: bool = False,
    dir: str = "",
    json: bool = False,
) -> None:
    """Let an API fail on some days from now on; what is loaded already stays as it is.

    Example: inv sandbox.fault error --source=noaa --start=2026-04-18 --end=2026-04-20
    """

    def body(say: tasking.Told) -> tasking.Answer:
        from sandbox.api import server
        from sandbox.api import state as states
        from sandbox.breaks.bad_window import window

        folder = tasking.folder(dir)
        state = states.read(folder)
        if kind == "clear":
            state = states.cleared(state, corrections=corrections)
        else:
            first, last = window(state, tasking.day("--start", start), tasking.day("--end", end))
            state = states.with_fault(
                state, states.fault(kind, source, first, last, tasking.number("--seconds", seconds))
            )
        states.write(folder, state)
        url = server.start(folder)
        for one in state.faults:
            say(f"{one.source} {one.start} to {one.end}: {one.kind}{f' {one.seconds:g} s' if one.seconds else ''}")
        say(f"{len(state.faults)} faults at {url}")
        return "ok", {"dir": str(folder), "url": url, "faults": [asdict(one) for one in state.faults]}

    tasking.finish("sandbox.fault", body, json=json)
