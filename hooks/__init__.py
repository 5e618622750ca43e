"""Prevention hooks: one file per hook, `main(argv) -> int`, installed as the package `ops_hooks`."""
