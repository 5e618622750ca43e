"""Copies, hashes and renames of database files, in a process that has no DuckDB connection.

Closing any descriptor of a file drops every POSIX record lock the process has on it, so each file is opened once and
everything is done on that one descriptor.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ops_tasks.errors import StepFailed
from ops_tasks.systems.block_scan import HEADERS, Scan, scan
from ops_tasks.systems.copying import copy, sha256
from ops_tasks.systems.record_locks import exclusive, opened, shared
from ops_tasks.systems.record_locks import holders as holders
from ops_tasks.systems.sharing import is_linked, refuse_changed, sha256_of
from ops_tasks.systems.snapshot_files import DAMAGED, MANIFEST, VERIFIED
from ops_tasks.systems.worker_main import progress
from ops_tasks.whole_files import flush, write


def copy_set(
    root: str, target: str, files: list[str], folders: list[str], links: list[str] | None = None
) -> list[dict[str, Any]]:
    """Copy a state set as of one moment: lock every DuckDB file, then copy, hash and flush files, WALs and folders.

    `files` and `folders` are relative to `root`; the copies keep their relative paths below `target`. Databases in
    `links` are linked with their WALs instead of copied: for those that are going to be replaced by other files and
    never written to again. Returns one entry per file: `path`, `size`, `sha256`, `kind`, `mode`, and for databases
    `storage_version`, `written_by`, `bad_blocks`. Raises `Busy` with the PID when anybody else has one of the
    databases open for writing.
    """
    base, into = Path(root), Path(target)
    linked = {name for path in links or () for name in (path, f"{path}.wal")}
    with contextlib.ExitStack() as stack:
        sources = [(path, stack.enter_context(shared(base / path))) for path in files if (base / path).exists()]
        jobs: list[tuple[str, int | None, str]] = [(path, descriptor, "duckdb") for path, descriptor in sources]
        jobs += [(f"{path}.wal", None, "wal") for path, _ in sources if (base / f"{path}.wal").exists()]
        for folder in folders:
            found = sorted(path for path in (base / folder).rglob("*") if path.is_file())
            jobs += [(path.relative_to(base).as_posix(), None, "dlt") for path in found]

        def take(job: tuple[str, int | None, str]) -> dict[str, Any]:
            path, descriptor, kind = job
            if path in linked and _link(base / path, into / path):
                with contextlib.nullcontext(descriptor) if descriptor is not None else opened(base / path) as source:
                    return _entry(source, path, kind, os.fstat(source).st_size, sha256(source))
            if descriptor is not None:
                return _copy(descriptor, into / path, path, kind)
            with opened(base / path) as source:  # only now: dlt keeps more files than a process may have open
                return _copy(source, into / path, path, kind)

        with ThreadPoolExecutor(max_workers=2) as pool:
            largest = sorted(jobs, key=lambda job: (base / job[0]).stat().st_size, reverse=True)
            taken = dict(zip(largest, pool.map(take, largest), strict=True))
        entries = [taken[job] for job in jobs]
    for folder in {(into / entry["path"]).parent for entry in entries}:
        flush(folder)
    return entries


def refuse_writers(files: list[str]) -> None:
    """Raise `Busy` with the PID when anybody else has one of the databases open for writing; nothing stays locked."""
    with contextlib.ExitStack() as stack:
        for path in filter(Path.exists, map(Path, files)):
            stack.enter_context(shared(path))


def retire(root: str, folder: str, paths: list[str]) -> list[str]:
    """Take databases, WALs and folders out of the way: each file must be, byte for byte, in the snapshot of `folder`.

    Returns the paths that were removed; those that are not there (any more) are not an error.
    """
    base = Path(root)
    present = [path for path in paths if (base / path).exists()]
    with contextlib.ExitStack() as stack:
        databases = {path.removesuffix(".wal") for path in present}
        locked = {path: stack.enter_context(exclusive(base / path)) for path in databases if (base / path).is_file()}
        whole = [file for path in present for file in (sorted((base / path).rglob("*")) or [base / path])]
        names = [file.relative_to(base).as_posix() for file in whole if file.is_file()]
        refuse_changed(Path(folder), base, names, locked)
        for path in present:
            shutil.rmtree(base / path) if (base / path).is_dir() else (base / path).unlink()
    for parent in {(base / path).parent for path in present}:
        flush(parent)
    return present


def place(root: str, source: str, sha256: str, target: str, kept: str) -> dict[str, Any]:
    """Put a copy of a plain database file, and of the WAL beside it, in the place of the database `target`.

    Nothing changes unless the copy has the given hash, and what is there is in the snapshot of the folder `kept`, or
    is that copy already.
    """
    live = Path(root) / target
    live.parent.mkdir(parents=True, exist_ok=True)
    done: list[str] = []
    with contextlib.ExitStack() as stack:
        locked = {target: stack.enter_context(exclusive(live))} if live.exists() else {}
        given = {f"{target}{suffix}": Path(f"{source}{suffix}") for suffix in ("", ".wal")}
        there = [name for name in given if (Path(root) / name).exists()]
        other = [name for name in there if sha256_of(Path(root) / name, locked.get(name)) != sha256_of(given[name])]
        refuse_changed(Path(kept), Path(root), other, locked)
        for suffix in (".wal", ""):  # the log first: beside the old file it would be another one's
            new, fresh = Path(f"{source}{suffix}"), fresh_beside(Path(f"{live}{suffix}"))
            if not new.exists():
                Path(f"{live}{suffix}").unlink(missing_ok=True)
                continue
            with opened(new) as reading:
                entry = _copy(reading, fresh, f"{target}{suffix}", "placed")
            if not suffix and entry["sha256"] != sha256:
                fresh.unlink()
                raise StepFailed(f"{source} has changed since the plan was made", "plan it again")
            done.append(str(fresh))
        for fresh in reversed(done):
            place = Path(fresh).with_name(Path(fresh).name[1:].removesuffix(".ops-new"))
            open_alike(Path(fresh), place, entry["mode"])
            Path(fresh).rename(place)
    flush(live.parent)
    return {"placed": [target], "sha256": sha256}


def publish(folder: str, final: str, manifest: dict[str, Any]) -> None:
    """Write the manifest last, flush it, and give the folder its name; every copy was compared when it was made."""
    path = Path(folder) / MANIFEST
    _write_verified(path.parent, manifest)
    write(path, json.dumps(manifest, indent=1))
    flush(path.parent)
    path.parent.rename(final)
    flush(Path(final).parent)


def verify(folder: str, root: str | None = None, note: bool = True, elsewhere: Sequence[str] = ()) -> dict[str, Any]:
    """Compare every file of a snapshot with its manifest: presence, size, sha256, and every block checksum.

    What it has in common with the stack in `root` is passed over: putting it back changes nothing. `elsewhere` is what
    is wrong with what is kept outside of its folder. Returns `{"problems": [...], "bytes": n}`, those first, and, with
    `note`, writes down when it was verified, or what is wrong with it.
    """
    base = Path(folder)
    manifest = json.loads((base / MANIFEST).read_text(encoding="utf-8"))

    def compare(entry: dict[str, Any]) -> list[str]:
        if root is not None and is_linked(base / "files", Path(root), entry["path"]):
            return []
        try:
            return _verify(base / "files" / entry["path"], entry)
        except OSError as error:
            return [f"{entry['path']} cannot be read ({error.strerror})"]

    with ThreadPoolExecutor(max_workers=2) as pool:
        answers = list(pool.map(compare, manifest["files"]))
    problems = [*elsewhere, *(problem for answer in answers for problem in answer)]
    if not note:
        pass
    elif problems:
        (base / VERIFIED).unlink(missing_ok=True)
        write(base / DAMAGED, json.dumps({"at": datetime.now(UTC).isoformat(), "problems": problems}, indent=1))
    else:
        _write_verified(base, manifest)
        (base / DAMAGED).unlink(missing_ok=True)
    return {"problems": problems, "bytes": _bytes(manifest)}


def _write_verified(folder: Path, manifest: dict[str, Any]) -> None:
    write(folder / VERIFIED, json.dumps({"at": datetime.now(UTC).isoformat(), "bytes": _bytes(manifest)}))


def _bytes(manifest: dict[str, Any]) -> int:
    return sum(entry["size"] for entry in manifest["files"])


def stamps(root: str, files: list[str], folders: list[str]) -> dict[str, str]:
    """Return path -> sha256 of everything in the state set that exists, WALs included."""
    base = Path(root)
    paths = [name for path in files for name in (path, f"{path}.wal") if (base / name).exists()]
    for folder in folders:
        paths += [p.relative_to(base).as_posix() for p in sorted((base / folder).rglob("*")) if p.is_file()]

    def digest(path: str) -> str:
        return sha256_of(base / path) or ""

    with ThreadPoolExecutor(max_workers=2) as pool:
        return dict(zip(paths, pool.map(digest, paths), strict=True))


def scan_files(files: list[str]) -> dict[str, Any]:
    """Return file -> what the block scan found in it."""
    found: dict[str, Any] = {}
    for file in files:
        descriptor = os.open(file, os.O_RDONLY)
        try:
            found[file] = _scan_words(scan(descriptor))
        finally:
            os.close(descriptor)
    return found


def _link(source: Path, target: Path) -> bool:
    """Give a file a second name; False where the file system cannot."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP):
            raise
        return False
    return True


def _entry(descriptor: int, path: str, kind: str, size: int, digest: str) -> dict[str, Any]:
    """The manifest's words on a file."""
    mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
    entry: dict[str, Any] = {"path": path, "size": size, "sha256": digest, "kind": kind, "mode": mode}
    return entry | (_scan_words(scan(descriptor)) | {"head": _head(descriptor)} if kind == "duckdb" else {})


def _copy(source: int, target: Path, path: str, kind: str) -> dict[str, Any]:
    progress(f"copying {path}")
    return _entry(source, path, kind, *copy(source, target, path))


def _head(descriptor: int) -> str:
    """Hash of a database's headers: every checkpoint writes another one, so other headers are another file."""
    return hashlib.sha256(os.pread(descriptor, HEADERS, 0)).hexdigest()


def is_as_kept(path: Path, entry: dict[str, Any], descriptor: int | None) -> bool:
    """Whether a file is what the manifest says, without reading all of one that cannot be."""
    if not path.is_file() or path.stat().st_size != entry["size"]:
        return False
    if descriptor is not None and _head(descriptor) != entry.get("head", _head(descriptor)):
        return False
    return sha256_of(path, descriptor) == entry["sha256"]


def _verify(path: Path, entry: dict[str, Any]) -> list[str]:
    name = entry["path"]
    if not path.is_file():
        return [f"{name} is missing"]
    with opened(path) as descriptor:
        size = os.fstat(descriptor).st_size
        if size != entry["size"]:
            return [f"{name} has {size} bytes instead of {entry['size']}"]
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)  # what the disk has, not what memory remembers
        if sha256(descriptor) != entry["sha256"]:
            return [f"{name} has changed since it was taken (sha256)"]
        if entry["kind"] == "duckdb":
            found = scan(descriptor)
            if found.problem != entry["problem"] or len(found.bad_blocks) > len(entry["bad_blocks"]):
                return [f"{name}: {found.problem or f'bad blocks {list(found.bad_blocks)}'}"]
    return []


def _scan_words(found: Scan) -> dict[str, Any]:
    return {
        "storage_version": found.storage_version,
        "written_by": found.written_by,
        "blocks": found.blocks,
        "bad_blocks": list(found.bad_blocks),
        "problem": found.problem,
        "missing_blocks": found.missing,
        "damaged_blocks": list(found.damaged),
        "doubtful_blocks": list(found.doubtful),
    }


def open_alike(fresh: Path, place: Path, kept: int | None) -> None:
    """Let those open a file that could open what is in its `place`, or, where nothing is, what was `kept` (its mode).

    Whoever owns it can read and write it in any case: the next copy has to.
    """
    if place.exists():
        there = place.stat()
        with contextlib.suppress(PermissionError):
            os.chown(fresh, there.st_uid, there.st_gid)
        kept = stat.S_IMODE(there.st_mode)
    if kept is not None:
        fresh.chmod(kept | stat.S_IRUSR | stat.S_IWUSR)


def fresh_beside(target: Path) -> Path:
    """The name that a file has beside its place until it is whole."""
    return target.with_name(f".{target.name}.ops-new")


def free_bytes(folder: str) -> int:
    """Free bytes on the volume of `folder`."""
    return shutil.disk_usage(folder).free
