MODEL (
  name ebird_staging.stg_evidence,
  kind FULL,
  description 'Photographs and recordings; a child table of the observations.'
);

SELECT
  _dlt_parent_id AS observation_id,
  kind AS evidence_kind,
  url
FROM raw_ebird.main.observations__evidence
