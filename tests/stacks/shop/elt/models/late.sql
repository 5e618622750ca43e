MODEL (name sales.parcels_by_day, kind FULL);

SELECT p.left_at::DATE AS left_on, COUNT(*)::BIGINT AS parcels, SUM(o.total)::DECIMAL(18, 2) AS worth
FROM tidy.parcels AS p
JOIN tidy.orders_clean AS o ON o.order_no = p.order_no
GROUP BY 1;
