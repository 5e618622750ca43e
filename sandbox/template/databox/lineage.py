"""What depends on what: the raw tables of each source and the SQLMesh models, so that Dagster need not load SQLMesh."""

from __future__ import annotations

TABLES = {
    "ebird": ("observations", "checklists", "taxonomy"),
    "noaa": ("daily_weather",),
    "usgs": ("daily_values",),
}

MODELS = {
    "ebird_staging.stg_observations": ("ebird/observations",),
    "ebird_staging.stg_evidence": ("ebird/observations",),
    "ebird_staging.stg_checklists": ("ebird/checklists",),
    "ebird_staging.stg_taxonomy": ("ebird/taxonomy",),
    "noaa_staging.stg_daily_weather": ("noaa/daily_weather",),
    "usgs_staging.stg_daily_values": ("usgs/daily_values",),
    "ebird.int_observations_enriched": (
        "ebird_staging.stg_observations",
        "ebird_staging.stg_taxonomy",
        "ebird_staging.stg_evidence",
    ),
    "ebird.int_daily_effort": ("ebird_staging.stg_checklists",),
    "environment.int_daily_environment": ("noaa_staging.stg_daily_weather", "usgs_staging.stg_daily_values"),
    "ebird.fct_daily_bird_observations": ("ebird.int_observations_enriched", "ebird.int_daily_effort"),
    "ebird.dim_species": ("ebird_staging.stg_taxonomy", "ebird.int_observations_enriched"),
    "ebird.species_latest": ("ebird.int_observations_enriched",),
    "ebird.species_status_history": ("ebird_staging.stg_taxonomy", "ebird.dim_species"),
    "noaa.fct_daily_weather": ("noaa_staging.stg_daily_weather",),
    "usgs.fct_daily_streamflow": ("usgs_staging.stg_daily_values",),
    "analytics.fct_species_environment_daily": (
        "ebird.fct_daily_bird_observations",
        "environment.int_daily_environment",
    ),
    "analytics.platform_health": ("ebird/observations", "noaa/daily_weather", "usgs/daily_values"),
}

# Hours after which a mart counts as stale.
FRESHNESS = {
    "ebird.fct_daily_bird_observations": 36,
    "noaa.fct_daily_weather": 36,
    "usgs.fct_daily_streamflow": 36,
    "analytics.fct_species_environment_daily": 36,
}
