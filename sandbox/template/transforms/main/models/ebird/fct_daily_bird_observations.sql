MODEL (
  name ebird.fct_daily_bird_observations,
  kind INCREMENTAL_BY_TIME_RANGE (
    time_column day_date
  ),
  grain (day_date, species_code, region_code),
  description 'Observations per day, species and region.',
  audits (
    not_null(columns := (species_code, region_code, total_count, region_checklists)),
    unique_combination_of_columns(columns := (day_date, species_code, region_code)),
    forall(criteria := (n_checklists >= 1, total_count >= max_count, frequency_permille BETWEEN 1 AND 1000))
  )
);

WITH observed AS (
  SELECT
    day_date,
    species_code,
    region_code,
    COUNT(*)::INTEGER AS n_observations,
    COUNT(DISTINCT sub_id)::INTEGER AS n_checklists,
    COUNT(DISTINCT location_id)::INTEGER AS n_locations,
    COALESCE(SUM(how_many), 0)::INTEGER AS total_count,
    COALESCE(MAX(how_many), 0)::INTEGER AS max_count,
    SUM(n_evidence)::INTEGER AS n_evidence
  FROM ebird.int_observations_enriched
  WHERE
    day_date BETWEEN @start_date AND @end_date
  GROUP BY day_date, species_code, region_code
)

SELECT
  o.day_date,
  o.species_code,
  o.region_code,
  o.n_observations,
  o.n_checklists,
  o.n_locations,
  o.total_count,
  o.max_count,
  o.n_evidence,
  e.n_checklists AS region_checklists,
  (o.n_checklists * 1000 // e.n_checklists)::INTEGER AS frequency_permille,
  CURRENT_TIMESTAMP AS computed_at
FROM observed AS o
LEFT JOIN ebird.int_daily_effort AS e
  ON o.day_date = e.day_date AND o.region_code = e.region_code
