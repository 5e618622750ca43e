"""What lies in the folder of a snapshot beside its files: by these names the tasks and the workers know it."""

from __future__ import annotations

MANIFEST = "manifest.json"
VERIFIED = "verified.json"
DAMAGED = "damaged.json"
CONSUMED = "consumed.json"
