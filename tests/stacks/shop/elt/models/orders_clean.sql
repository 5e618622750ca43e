MODEL (name tidy.orders_clean, kind VIEW);

SELECT
  "orderNo"::BIGINT AS order_no,
  STRPTIME(placed, '%Y%m%d')::DATE AS placed_on,
  customer::VARCHAR AS customer,
  total::DECIMAL(10, 2) AS total
FROM landing.orders;
