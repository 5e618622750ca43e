MODEL (
  name noaa.fct_daily_weather,
  kind INCREMENTAL_BY_TIME_RANGE (
    time_column day_date
  ),
  grain (day_date, station),
  description 'Daily weather per station.',
  audits (
    not_null(columns := (station, tmax_c, tmin_c)),
    unique_combination_of_columns(columns := (day_date, station)),
    forall(criteria := (tmax_c >= tmin_c, prcp_mm >= 0))
  )
);

SELECT
  day_date,
  station,
  tmax_c,
  tmin_c,
  prcp_mm,
  wind_ms
FROM noaa_staging.stg_daily_weather
WHERE
  day_date BETWEEN @start_date AND @end_date
