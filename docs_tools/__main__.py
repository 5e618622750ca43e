"""`python -m docs_tools` renders the pages that are made by programs; with `--check` it only says which are stale."""

from __future__ import annotations

import argparse
import sys

from docs_tools.pages import PAGES, stale, write


def main() -> int:
    """Exit code 1 when `--check` finds a stale page."""
    parser = argparse.ArgumentParser("docs_tools", description=__doc__)
    parser.add_argument("pages", nargs="*", choices=[*PAGES, []], help="pages (default: all)")
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 when a page is stale")
    options = parser.parse_args()
    names: list[str] = options.pages or list(PAGES)
    told = [stale(name) for name in names] if options.check else [write(name) for name in names]
    for line in filter(None, told):
        sys.stdout.write(f"{line}\n")
    return 1 if options.check and any(told) else 0


if __name__ == "__main__":
    sys.exit(main())
