"""A strict double of MotherDuck's server: real data, the documented grammar, and nothing else.

It runs inside the processes of its clients. A folder holds the account: every database and every snapshot is a DuckDB
file. `site/sitecustomize.py` puts it into a process whose environment has `MOTHERDUCK_DOUBLE`.
"""
