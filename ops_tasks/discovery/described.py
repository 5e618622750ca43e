"""Where a stack is described: the file that Invoke reads, and the folder that its paths are relative to."""

from __future__ import annotations

from pathlib import Path

from ops_tasks.discovery.writing import section_of
from ops_tasks.discovery.yaml_text import load
from ops_tasks.errors import UsageError
from ops_tasks.stack import FILE, described

# Invoke (3.0) reads the first of invoke.yaml, .yml, .json and .py alone.
ALSO_READ = ("invoke.json", "invoke.py")


def file_of(folder: Path) -> Path:
    """The file of `folder` that is to hold the section; `UsageError` where Invoke reads one that cannot hold it."""
    if (file := described(folder)) is not None:
        return file
    for name in ALSO_READ:
        if (folder / name).exists():
            reason = f"{folder / name} is there: Invoke would not read it any more beside {FILE}"
            raise UsageError(reason, f"move what it says into {FILE}")
    return folder / FILE


def root_of(file: Path) -> Path:
    """The folder that the paths of a section are relative to; the file's own where nothing is said."""
    root = section_of(load(text_in(file) or "", file), file).get("root")
    path = (file.parent / str(root or ".")).resolve()
    if not path.is_dir():
        raise UsageError(f"{file}: ops.root: {path} does not exist", "mend it first")
    return path


def text_in(path: Path) -> str | None:
    """The text of a file with the line ends that it has; None where there is no file."""
    if path.exists() and not path.is_file():
        raise UsageError(f"{path} is no regular file", "move it away")
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            return stream.read()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is no text", "mend it first") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", "make it readable") from None
