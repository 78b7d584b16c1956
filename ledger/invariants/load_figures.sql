-- What the chunks of a published load add up to a day (revenue, lines, orders) is what it holds.
WITH published AS (
    SELECT dataset_id, load_id FROM takings.load
    WHERE state IN ('live', 'retired', 'reverted') AND purged_at IS NULL
), noted AS (
    SELECT dataset_id, load_id, sale_date, sum(revenue) AS revenue, sum(line_count) AS line_count,
        sum(order_count) AS order_count
    FROM published JOIN takings.load_chunk USING (load_id), unnest((figures).days,
        (figures).revenues, (figures).line_counts, (figures).order_counts)
        days (sale_date, revenue, line_count, order_count)
    GROUP BY dataset_id, load_id, sale_date
), held AS (
    SELECT dataset_id, load_id, sale_date, sum(line_total) AS revenue, count(*) AS line_count,
        count(DISTINCT order_id) AS order_count
    FROM published JOIN takings.sale USING (dataset_id, load_id)
    WHERE NOT EXISTS (
        SELECT FROM takings.superseded_order_day skipped
        WHERE skipped.dataset_id = sale.dataset_id AND skipped.load_id = sale.load_id
            AND skipped.by_load_id = sale.load_id AND skipped.order_id = sale.order_id
            AND skipped.sale_date = sale.sale_date)
    GROUP BY dataset_id, load_id, sale_date
)
SELECT dataset_id, format('load %s has %s in %s lines of %s orders on %s, its chunks say %s in %s of %s',
    load_id, coalesce(trim_scale(held.revenue), 0), coalesce(held.line_count, 0),
    coalesce(held.order_count, 0), sale_date, coalesce(trim_scale(noted.revenue), 0),
    coalesce(noted.line_count, 0), coalesce(noted.order_count, 0)) AS what
FROM noted FULL JOIN held USING (dataset_id, load_id, sale_date)
WHERE (coalesce(noted.revenue, 0), coalesce(noted.line_count, 0), coalesce(noted.order_count, 0))
    <> (coalesce(held.revenue, 0), coalesce(held.line_count, 0), coalesce(held.order_count, 0))
