"""Which commit a stack's code was at."""

from __future__ import annotations

from pathlib import Path


def commit(folder: Path) -> str | None:
    """The commit of the repository around `folder`, `+` appended when tracked files differ; None outside of git."""
    from git import InvalidGitRepositoryError, Repo

    try:
        repo = Repo(folder, search_parent_directories=True)
    except InvalidGitRepositoryError:
        return None
    if not repo.head.is_valid():
        return None
    return repo.head.commit.hexsha + ("+" if repo.is_dirty() else "")
