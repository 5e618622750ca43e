MODEL (name sales.regulars, kind FULL);

SELECT c.code::VARCHAR AS code, c.town::VARCHAR AS town, COUNT(o.order_no)::BIGINT AS orders
FROM landing.customers AS c
LEFT JOIN tidy.orders_clean AS o ON o.customer = c.code
GROUP BY 1, 2;
