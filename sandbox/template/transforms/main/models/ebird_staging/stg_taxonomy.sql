MODEL (
  name ebird_staging.stg_taxonomy,
  kind FULL,
  grain species_code
);

SELECT
  species_code,
  common_name,
  scientific_name,
  category,
  family_code,
  taxon_order::INTEGER AS taxon_order,
  CASE WHEN extinct THEN 'extinct' ELSE 'extant' END AS status
FROM raw_ebird.main.taxonomy
