MODEL (
  name usgs_staging.stg_daily_values,
  kind FULL,
  grain (day_date, site_no, parameter_cd),
  audits (
    not_null(columns := (day_date))
  )
);

SELECT
  site_no,
  parameter_cd,
  (datetime AT TIME ZONE 'UTC')::DATE AS day_date,
  value::DECIMAL(14, 2) AS value
FROM raw_usgs.main.daily_values
