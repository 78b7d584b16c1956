-- The figures of a range in one statement, and so from one state of the ledger.
-- $1 dataset, $2 first day, $3 last day.
WITH stream AS (
    SELECT dataset_id, currency FROM takings.dataset WHERE name = $1
), days AS (
    SELECT coalesce(sum(revenue), 0) AS revenue, coalesce(sum(line_count), 0) AS line_count,
        coalesce(sum(order_count), 0) AS order_days
    FROM takings.daily_revenue JOIN stream USING (dataset_id)
    WHERE sale_date BETWEEN $2 AND $3
), pairs AS (
    -- An order on n days of the range is counted n times above and has n - 1 pairs in it.
    SELECT coalesce(sum(order_count), 0) AS counted_again
    FROM takings.order_day_pair JOIN stream USING (dataset_id)
    WHERE first_date >= $2 AND second_date <= $3
)
SELECT (SELECT currency FROM stream) AS currency, revenue::text AS revenue,
    line_count::bigint AS line_count, (order_days - counted_again)::bigint AS order_count,
    version, token
FROM days, pairs, takings.ledger_version
