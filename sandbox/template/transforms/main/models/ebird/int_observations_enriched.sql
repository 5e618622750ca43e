MODEL (
  name ebird.int_observations_enriched,
  kind FULL,
  grain (sub_id, species_code),
  description 'Observations with what the taxonomy and the evidence say about them.'
);

WITH evidence AS (
  SELECT
    observation_id,
    COUNT(*) AS n_evidence
  FROM ebird_staging.stg_evidence
  GROUP BY observation_id
)

SELECT
  o.sub_id,
  o.species_code,
  o.region_code,
  o.location_id,
  o.day_date,
  o.how_many,
  t.family_code,
  COALESCE(e.n_evidence, 0)::INTEGER AS n_evidence
FROM ebird_staging.stg_observations AS o
LEFT JOIN ebird_staging.stg_taxonomy AS t ON o.species_code = t.species_code
LEFT JOIN evidence AS e ON o.observation_id = e.observation_id
