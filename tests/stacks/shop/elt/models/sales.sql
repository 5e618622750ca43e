MODEL (
  name sales.by_day,
  kind INCREMENTAL_BY_TIME_RANGE (time_column placed_on),
  audits (positive_takings)
);

SELECT placed_on::DATE AS placed_on, COUNT(*)::BIGINT AS orders, SUM(total)::DECIMAL(18, 2) AS takings
FROM tidy.orders_clean
WHERE placed_on BETWEEN @start_date AND @end_date
GROUP BY placed_on;
