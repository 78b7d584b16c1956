-- What is published of a day (revenue, lines, orders) is the sum of its live lines.
SELECT dataset_id, format('%s is published with %s in %s lines of %s orders, and has %s in %s of %s',
    sale_date, coalesce(trim_scale(published.revenue), 0), coalesce(published.line_count, 0),
    coalesce(published.order_count, 0), coalesce(trim_scale(facts.revenue), 0),
    coalesce(facts.line_count, 0), coalesce(facts.order_count, 0)) AS what
FROM takings.daily_revenue published
FULL JOIN (
    SELECT dataset_id, sale_date, sum(line_total) AS revenue, count(*) AS line_count,
        count(DISTINCT order_id) AS order_count
    FROM takings.live_sale GROUP BY dataset_id, sale_date) facts USING (dataset_id, sale_date)
WHERE (published.revenue, published.line_count, published.order_count)
    IS DISTINCT FROM (facts.revenue, facts.line_count, facts.order_count)
