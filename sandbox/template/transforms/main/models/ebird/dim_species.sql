MODEL (
  name ebird.dim_species,
  kind FULL,
  grain species_code,
  description 'One row per species of the taxonomy, with when it was seen.',
  audits (
    not_null(columns := (species_code, common_name, scientific_name)),
    unique_values(columns := (species_code))
  )
);

WITH seen AS (
  SELECT
    species_code,
    MIN(day_date) AS first_seen,
    MAX(day_date) AS last_seen,
    COUNT(DISTINCT day_date)::INTEGER AS days_seen
  FROM ebird.int_observations_enriched
  GROUP BY species_code
)

SELECT
  t.species_code,
  t.common_name,
  t.scientific_name,
  t.family_code,
  t.taxon_order,
  s.first_seen,
  s.last_seen,
  COALESCE(s.days_seen, 0)::INTEGER AS days_seen
FROM ebird_staging.stg_taxonomy AS t
LEFT JOIN seen AS s ON t.species_code = s.species_code
