"""The outside world: one file per system, and the only place with side effects on it."""
