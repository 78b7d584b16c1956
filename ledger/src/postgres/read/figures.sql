-- All figures of a dataset in one row, and so from one state of it.
-- $1 dataset.
SELECT token, currency, days, revenues, line_counts, order_counts, firsts, seconds, pair_counts
FROM takings.dataset, LATERAL (
    SELECT coalesce(array_agg(sale_date ORDER BY sale_date), '{}') AS days,
        coalesce(array_agg(revenue::text ORDER BY sale_date), '{}') AS revenues,
        coalesce(array_agg(line_count ORDER BY sale_date), '{}') AS line_counts,
        coalesce(array_agg(order_count ORDER BY sale_date), '{}') AS order_counts
    FROM takings.daily_revenue WHERE daily_revenue.dataset_id = dataset.dataset_id
) days, LATERAL (
    SELECT coalesce(array_agg(first_date ORDER BY first_date, second_date), '{}') AS firsts,
        coalesce(array_agg(second_date ORDER BY first_date, second_date), '{}') AS seconds,
        coalesce(array_agg(order_count ORDER BY first_date, second_date), '{}') AS pair_counts
    FROM takings.order_day_pair WHERE order_day_pair.dataset_id = dataset.dataset_id
) pairs
WHERE name = $1
