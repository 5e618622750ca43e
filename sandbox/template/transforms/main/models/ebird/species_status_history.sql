MODEL (
  name ebird.species_status_history,
  kind SCD_TYPE_2_BY_COLUMN (
    unique_key species_code,
    columns [category, family_code, status]
  ),
  grain (species_code, valid_from),
  description 'How the taxonomy has classified each species over time.',
  audits (
    not_null(columns := (species_code, status)),
    unique_combination_of_columns(columns := (species_code, valid_from)),
    one_current_row_per_species
  )
);

SELECT
  species_code,
  category,
  family_code,
  status
FROM ebird_staging.stg_taxonomy
