MODEL (
  name ebird.species_status_history,
  kind SCD_TYPE_2_BY_COLUMN (
    unique_key species_code,
    columns [category, family_code, status, sighted]
  ),
  grain (species_code, valid_from),
  description 'How the taxonomy has classified each species over time, and since when it has been sighted here.',
  audits (
    not_null(columns := (species_code, status)),
    unique_combination_of_columns(columns := (species_code, valid_from)),
    one_current_row_per_species
  )
);

SELECT
  t.species_code,
  t.category,
  t.family_code,
  t.status,
  s.days_seen > 0 AS sighted
FROM ebird_staging.stg_taxonomy AS t
INNER JOIN ebird.dim_species AS s ON t.species_code = s.species_code
