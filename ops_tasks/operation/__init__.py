"""Plans, steps, the journal, the lock and the runner. Nothing in here knows what a database is."""
