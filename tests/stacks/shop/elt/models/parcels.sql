MODEL (name tidy.parcels, kind FULL, audits (not_null(columns := (order_no))));

SELECT order_no::BIGINT AS order_no, left_at::TIMESTAMP AS left_at, weight::DOUBLE AS weight
FROM landing.parcels;
