"""What changes from run to run, in words that do not."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import Any

# In this order: an id is found before the number that it may look like.
ALWAYS = (
    (re.compile(r"'(STACK[\w./-]*)'"), r"\1"),  # quoted for the shell, where the folder has a space in its name
    (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "UUID"),
    (re.compile(r"(?<=__)\d{6,}\b"), "VERSION"),  # SQLMesh's fingerprint of a model
    (re.compile(r"\b[\d,]+(?:\.\d+)? ?(?:B|KB|MB|GB|TB)\b"), "SIZE"),
    # DuckDB lays blocks out as its threads come: which one holds what is another one in the next stack.
    (
        re.compile(r"\d+ of \d+ blocks have a wrong checksum \([\d, ]+\): data of [\w.]+"),
        "1 of N blocks has a wrong checksum: data of TABLE",
    ),
)
MOVES = (
    (re.compile(r"\b20\d\d-\d\d-\d\d\b"), "DAY"),
    (re.compile(r"(?<=_)20\d{6}(?=_)"), "YYYYMMDD"),
    (re.compile(r"\b(process|kill -9|hung) \d+\b"), r"\1 PID"),
    (re.compile(r"\brun [0-9a-f]{8}\b"), "run RUN"),
    (re.compile(r"\b\d+ fires\b"), "N fires"),  # it is a matter of the hour how many some days have
)
# A plan that did not run is told by the snapshot that it would take.
OF_PLAN = re.compile(r"pre_[\w.]+_\d{8}_([0-9a-f]{6})\b")
# SQLMesh tells models in an order of its own.
KEPT = re.compile(r"(?<=Keep the history of )[\w.]+(?:, [\w.]+)+")


def stable(text: str, folder: str, document: Mapping[str, Any], *, moving: bool = False) -> str:
    """The text of a JSON document without what is true of this run alone.

    `folder` is the stack's own; `moving` stands for a stack that lives now, whose days are other ones tomorrow.
    """
    text = text.replace(folder, "STACK").replace(sys.executable, "python")
    for operation in {str(document.get("operation")), *OF_PLAN.findall(text)}:
        text = re.sub(rf"(?<![0-9a-f]){operation}(?![0-9a-f])", "ID", text)
    for pattern, word in (*ALWAYS, *(MOVES if moving else ())):
        text = pattern.sub(word, text)
    return KEPT.sub(lambda found: ", ".join(sorted(found[0].split(", "))), text)
