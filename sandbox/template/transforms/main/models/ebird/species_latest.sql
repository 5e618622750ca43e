MODEL (
  name ebird.species_latest,
  kind INCREMENTAL_BY_UNIQUE_KEY (
    unique_key species_code
  ),
  grain species_code,
  description 'What was last seen of each species: the latest day and its counts.',
  audits (
    not_null(columns := (species_code, day_date, total_count)),
    unique_values(columns := (species_code))
  )
);

SELECT
  species_code,
  day_date,
  COUNT(*)::INTEGER AS n_observations,
  COALESCE(SUM(how_many), 0)::INTEGER AS total_count
FROM ebird.int_observations_enriched
WHERE
  day_date BETWEEN @start_date AND @end_date
GROUP BY species_code, day_date
QUALIFY
  ROW_NUMBER() OVER (PARTITION BY species_code ORDER BY day_date DESC) = 1
