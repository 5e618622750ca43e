MODEL (
  name analytics.platform_health,
  kind VIEW,
  grain source,
  description 'How much raw data each source has, read from the raw catalogs themselves.',
  audits (
    not_null(columns := (source, n_rows, latest_day)),
    unique_values(columns := (source))
  )
);

SELECT
  'ebird' AS source,
  COUNT(*)::INTEGER AS n_rows,
  MIN(observation_date) AS earliest_day,
  MAX(observation_date) AS latest_day
FROM raw_ebird.main.observations
UNION ALL
SELECT
  'noaa' AS source,
  COUNT(*)::INTEGER AS n_rows,
  MIN(date)::DATE AS earliest_day,
  MAX(date)::DATE AS latest_day
FROM raw_noaa.main.daily_weather
UNION ALL
SELECT
  'usgs' AS source,
  COUNT(*)::INTEGER AS n_rows,
  (MIN(datetime) AT TIME ZONE 'UTC')::DATE AS earliest_day,
  (MAX(datetime) AT TIME ZONE 'UTC')::DATE AS latest_day
FROM raw_usgs.main.daily_values
