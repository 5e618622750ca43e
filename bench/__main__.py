"""`python -m bench [ROUNDS] [what...]`: measure, and print ratios; all benchmarks, or those that are named."""

from __future__ import annotations

import sys

from bench import backfill, copies, gate, large_files, past, scan

ROUNDS = 3
BENCHMARKS = {
    "scan": scan.report,
    "copies": copies.report,
    "past": past.report,
    "backfill": backfill.report,
    "large-files": large_files.report,
    "gate": gate.report,
}


def say(line: str) -> None:
    """Tell how far it is."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def main(argv: list[str]) -> int:
    """Print a table per benchmark; the ratios are what the documentation may quote."""
    rounds = int(argv.pop(0)) if argv and argv[0].isdigit() else ROUNDS
    unknown = [name for name in argv if name not in BENCHMARKS]
    if unknown or rounds < 1:
        sys.stderr.write(f"usage: python -m bench [ROUNDS] [{'|'.join(BENCHMARKS)}]...\n")
        return 2
    for name in argv or BENCHMARKS:
        sys.stdout.write(f"\n{BENCHMARKS[name](rounds, say)}\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
