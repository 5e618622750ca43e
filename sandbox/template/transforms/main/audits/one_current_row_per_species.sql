AUDIT (
  name one_current_row_per_species,
  dialect duckdb
);

SELECT
  species_code
FROM @this_model
WHERE
  valid_to IS NULL
GROUP BY species_code
HAVING
  COUNT(*) > 1
