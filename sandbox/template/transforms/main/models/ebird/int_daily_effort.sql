MODEL (
  name ebird.int_daily_effort,
  kind VIEW,
  grain (day_date, region_code),
  description 'How much was birded: checklists and minutes per day and region.'
);

SELECT
  day_date,
  region_code,
  COUNT(*)::INTEGER AS n_checklists,
  SUM(duration_minutes)::INTEGER AS minutes
FROM ebird_staging.stg_checklists
GROUP BY day_date, region_code
