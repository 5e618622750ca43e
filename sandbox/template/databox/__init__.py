"""databox: bird observations, weather and streamflow, from three public APIs into DuckDB."""
