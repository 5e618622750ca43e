MODEL (
  name usgs.fct_daily_streamflow,
  kind INCREMENTAL_BY_TIME_RANGE (
    time_column day_date
  ),
  grain (day_date, site_no),
  description 'Discharge and water temperature per day and gauge.',
  audits (
    not_null(columns := (site_no, discharge_cfs)),
    unique_combination_of_columns(columns := (day_date, site_no)),
    forall(criteria := (discharge_cfs >= 0))
  )
);

SELECT
  day_date,
  site_no,
  MAX(CASE WHEN parameter_cd = '00060' THEN value END) AS discharge_cfs,
  MAX(CASE WHEN parameter_cd = '00010' THEN value END) AS water_temp_c
FROM usgs_staging.stg_daily_values
WHERE
  day_date BETWEEN @start_date AND @end_date
GROUP BY day_date, site_no
