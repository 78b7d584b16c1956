-- An order-day counts from one load at most.
SELECT dataset_id, format('order %s of %s counts from load %s and from load %s', order_id, sale_date,
    min(load_id), max(load_id)) AS what
FROM takings.live_sale
GROUP BY dataset_id, order_id, sale_date HAVING min(load_id) < max(load_id)
