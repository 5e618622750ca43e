MODEL (
  name noaa_staging.stg_daily_weather,
  kind FULL,
  grain (day_date, station),
  description 'Daily weather per station; NOAA counts in tenths.',
  audits (
    not_null(columns := (day_date))
  )
);

SELECT
  station,
  date::DATE AS day_date,
  (tmax * 0.1)::DECIMAL(6, 1) AS tmax_c,
  (tmin * 0.1)::DECIMAL(6, 1) AS tmin_c,
  (prcp * 0.1)::DECIMAL(6, 1) AS prcp_mm,
  (awnd * 0.1)::DECIMAL(6, 1) AS wind_ms
FROM raw_noaa.main.daily_weather
