MODEL (
  name environment.int_daily_environment,
  kind VIEW,
  grain day_date,
  description 'Weather and water of a day, over all stations and gauges.'
);

WITH weather AS (
  SELECT
    day_date,
    MAX(tmax_c) AS tmax_c,
    MIN(tmin_c) AS tmin_c,
    SUM(prcp_mm)::DECIMAL(8, 1) AS prcp_mm
  FROM noaa_staging.stg_daily_weather
  GROUP BY day_date
), water AS (
  SELECT
    day_date,
    SUM(CASE WHEN parameter_cd = '00060' THEN value END)::DECIMAL(14, 2) AS discharge_cfs
  FROM usgs_staging.stg_daily_values
  GROUP BY day_date
)

SELECT
  COALESCE(weather.day_date, water.day_date) AS day_date,
  weather.tmax_c,
  weather.tmin_c,
  weather.prcp_mm,
  water.discharge_cfs
FROM weather
FULL OUTER JOIN water ON weather.day_date = water.day_date
