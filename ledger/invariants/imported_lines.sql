-- What a run says it imported (lines, revenue, first and last day) is what its load holds, until that is purged.
SELECT file.dataset_id, format('run %s of import %s says %s lines of %s in all, its load holds %s of %s',
    file.run, file.import_id, file.lines_imported, trim_scale(file.revenue),
    coalesce(facts.line_count, 0), coalesce(trim_scale(facts.revenue), 0)) AS what
FROM takings.imported_file file
LEFT JOIN takings.load USING (load_id)
LEFT JOIN (
    SELECT load_id, count(*) AS line_count, sum(line_total) AS revenue,
        min(sale_date) AS first_date, max(sale_date) AS last_date
    FROM takings.sale
    WHERE NOT EXISTS (
        SELECT FROM takings.superseded_order_day skipped
        WHERE skipped.dataset_id = sale.dataset_id AND skipped.load_id = sale.load_id
            AND skipped.by_load_id = sale.load_id AND skipped.order_id = sale.order_id
            AND skipped.sale_date = sale.sale_date)
    GROUP BY load_id) facts USING (load_id)
WHERE file.status = 'Published' AND load_id IS NOT NULL AND load.purged_at IS NULL
    AND (file.lines_imported, file.revenue, file.first_sale_date, file.last_sale_date)
        IS DISTINCT FROM (coalesce(facts.line_count, 0), coalesce(facts.revenue, 0),
            facts.first_date, facts.last_date)
