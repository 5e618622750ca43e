MODEL (
  name ebird_staging.stg_observations,
  kind FULL,
  grain (sub_id, species_code),
  description 'Observations as eBird has them, one row per species of a checklist.',
  audits (
    not_null(columns := (day_date))
  )
);

SELECT
  _dlt_id AS observation_id,
  sub_id,
  species_code,
  region_code,
  location_id,
  observation_date AS day_date,
  how_many::INTEGER AS how_many,
  reviewed
FROM raw_ebird.main.observations
