-- Orders of several days are counted once a range: each pair of successive days is published.
SELECT dataset_id, format('%s orders are published with %s and %s as successive days, %s have them',
    coalesce(published.order_count, 0), first_date, second_date, coalesce(facts.order_count, 0))
    AS what
FROM takings.order_day_pair published
FULL JOIN (
    SELECT dataset_id, first_date, second_date, count(*) AS order_count
    FROM (
        SELECT dataset_id, sale_date AS first_date,
            lead(sale_date) OVER (PARTITION BY dataset_id, order_id ORDER BY sale_date)
                AS second_date
        FROM takings.live_sale GROUP BY dataset_id, order_id, sale_date) days
    WHERE second_date IS NOT NULL GROUP BY dataset_id, first_date, second_date) facts
    USING (dataset_id, first_date, second_date)
WHERE published.order_count IS DISTINCT FROM facts.order_count
