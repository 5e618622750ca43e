"""Which tables the truth covers, and how their rows are read. Clock columns and dlt's own columns are left out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """One table: `query` reads its rows; `day` is the position of the row's day, None where rows have no day."""

    name: str
    catalog: str
    query: str
    day: int | None = 0


RAW = (
    Table(
        "raw_ebird.main.observations",
        "raw_ebird",
        "SELECT observation_date, sub_id, species_code, common_name, scientific_name, location_id, location_name, "
        "region_code, latitude, longitude, observed_at, how_many, reviewed FROM raw_ebird.main.observations",
    ),
    Table(
        "raw_ebird.main.observations__evidence",
        "raw_ebird",
        "SELECT o.observation_date, o.sub_id, o.species_code, e._dlt_list_idx, e.kind, e.url "
        "FROM raw_ebird.main.observations__evidence AS e "
        "LEFT JOIN raw_ebird.main.observations AS o ON o._dlt_id = e._dlt_parent_id",
    ),
    Table(
        "raw_ebird.main.checklists",
        "raw_ebird",
        "SELECT CAST(left(obs_dt, 10) AS DATE), sub_id, location_id, region_code, obs_dt, num_species, "
        "duration_minutes, observer FROM raw_ebird.main.checklists",
    ),
    Table(
        "raw_ebird.main.taxonomy",
        "raw_ebird",
        "SELECT species_code, common_name, scientific_name, category, taxon_order, family_code, extinct "
        "FROM raw_ebird.main.taxonomy",
        day=None,
    ),
    Table(
        "raw_noaa.main.daily_weather",
        "raw_noaa",
        "SELECT CAST(date AS DATE), station, tmax, tmin, prcp, awnd FROM raw_noaa.main.daily_weather",
    ),
    Table(
        "raw_usgs.main.daily_values",
        "raw_usgs",
        "SELECT CAST(datetime AT TIME ZONE 'UTC' AS DATE), site_no, parameter_cd, value, qualifier "
        "FROM raw_usgs.main.daily_values",
    ),
)

MARTS = (
    Table(
        "ebird.fct_daily_bird_observations",
        "databox",
        "SELECT day_date, species_code, region_code, n_observations, n_checklists, n_locations, total_count, "
        "max_count, n_evidence, region_checklists, frequency_permille FROM databox.ebird.fct_daily_bird_observations",
    ),
    Table(
        "noaa.fct_daily_weather",
        "databox",
        "SELECT day_date, station, tmax_c, tmin_c, prcp_mm, wind_ms FROM databox.noaa.fct_daily_weather",
    ),
    Table(
        "usgs.fct_daily_streamflow",
        "databox",
        "SELECT day_date, site_no, discharge_cfs, water_temp_c FROM databox.usgs.fct_daily_streamflow",
    ),
    Table(
        "analytics.fct_species_environment_daily",
        "databox",
        "SELECT day_date, species_code, n_checklists, total_count, tmax_c, tmin_c, prcp_mm, discharge_cfs "
        "FROM databox.analytics.fct_species_environment_daily",
    ),
    Table(
        "ebird.dim_species",
        "databox",
        "SELECT species_code, common_name, scientific_name, family_code, taxon_order, first_seen, last_seen, "
        "days_seen FROM databox.ebird.dim_species",
        day=None,
    ),
    Table(
        "ebird.species_latest",
        "databox",
        "SELECT species_code, day_date, n_observations, total_count FROM databox.ebird.species_latest",
        day=None,
    ),
    # Current rows without `sighted`: SQLMesh restates no SCD model, so that column may rightly lag behind a backfill.
    Table(
        "ebird.species_status_history",
        "databox",
        "SELECT species_code, category, family_code, status FROM databox.ebird.species_status_history "
        "WHERE valid_to IS NULL",
        day=None,
    ),
    Table(
        "analytics.platform_health",
        "databox",
        "SELECT source, n_rows, earliest_day, latest_day FROM databox.analytics.platform_health",
        day=None,
    ),
)
