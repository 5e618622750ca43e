MODEL (
  name ebird_staging.stg_checklists,
  kind FULL,
  grain sub_id,
  description 'Checklists; the day is the first ten characters of the ISO text that eBird sends.',
  audits (
    not_null(columns := (day_date))
  )
);

SELECT
  sub_id,
  region_code,
  location_id,
  LEFT(obs_dt, 10)::DATE AS day_date,
  num_species::INTEGER AS num_species,
  duration_minutes::INTEGER AS duration_minutes
FROM raw_ebird.main.checklists
