MODEL (
  name analytics.fct_species_environment_daily,
  kind FULL,
  grain (day_date, species_code),
  description 'Species per day beside the weather and the water of that day.',
  audits (
    not_null(columns := (day_date, species_code, total_count)),
    unique_combination_of_columns(columns := (day_date, species_code))
  )
);

WITH birds AS (
  SELECT
    day_date,
    species_code,
    SUM(n_checklists)::INTEGER AS n_checklists,
    SUM(total_count)::INTEGER AS total_count
  FROM ebird.fct_daily_bird_observations
  GROUP BY day_date, species_code
)

SELECT
  b.day_date,
  b.species_code,
  b.n_checklists,
  b.total_count,
  e.tmax_c,
  e.tmin_c,
  e.prcp_mm,
  e.discharge_cfs
FROM birds AS b
LEFT JOIN environment.int_daily_environment AS e ON b.day_date = e.day_date
