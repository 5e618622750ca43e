"""`python -m bench [ROUNDS]`: measure, and print ratios."""

from __future__ import annotations

import sys

from bench.backfill import compare

ROUNDS = 3


def say(line: str) -> None:
    """Tell how far it is."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(argv: list[str]) -> int:
    """Print a table of both ways; the ratio is what the documentation may quote."""
    rounds = int(argv[0]) if argv else ROUNDS
    found = compare(rounds, say)
    ours, theirs = found.guarded, found.by_hand
    sys.stdout.write(
        f"\nguarded backfill against the three commands by hand, median of {rounds}\n"
        f"{'':12}{'guarded':>12}{'by hand':>12}{'ratio':>8}\n"
        f"{'wall time':12}{ours.seconds:>10.1f} s{theirs.seconds:>10.1f} s{ours.seconds / theirs.seconds:>8.2f}\n"
        f"{'peak memory':12}{ours.megabytes:>9.0f} MB{theirs.megabytes:>9.0f} MB"
        f"{ours.megabytes / theirs.megabytes:>8.2f}\n"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
