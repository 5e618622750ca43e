"""The dlt sources, one module each, with a function `source()` that needs no arguments."""
