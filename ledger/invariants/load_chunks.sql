-- A published load has all chunks of its file, and they add up to what its run says.
SELECT load.dataset_id, format('load %s has %s chunks from %s to %s, of %s lines with %s rejected and %s left for %s; its run says %s, %s, %s and %s',
    load.load_id, chunks.count, chunks.first, chunks.last, chunks.lines_read, chunks.lines_rejected, chunks.line_count,
    trim_scale(chunks.revenue), file.lines_read, file.lines_rejected, file.lines_imported,
    trim_scale(file.revenue)) AS what
FROM takings.load
JOIN takings.imported_file file USING (imported_file_id)
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE chunk >= 0) AS count, min(chunk) AS first,
        greatest(max(chunk), -1) AS last,
        bool_and(chunk = -1 OR lines_read - lines_rejected = sums.line_count) AS each_adds_up,
        coalesce(sum(lines_read), 0) AS lines_read,
        coalesce(sum(lines_rejected), 0) AS lines_rejected,
        coalesce(sum(sums.line_count), 0) AS line_count, coalesce(sum(sums.revenue), 0) AS revenue
    FROM takings.load_chunk
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(line_count), 0) AS line_count, coalesce(sum(revenue), 0) AS revenue
        FROM unnest((figures).line_counts, (figures).revenues) days (line_count, revenue)) sums
    WHERE load_chunk.load_id = load.load_id) chunks
WHERE state IN ('live', 'retired', 'reverted') AND purged_at IS NULL
    -- From 0 without a gap, and maybe -1, which corrects the others.
    AND (chunks.last <> chunks.count - 1 OR chunks.first < -1 OR NOT each_adds_up
        OR (chunks.lines_read, chunks.lines_rejected, chunks.line_count, chunks.revenue)
            IS DISTINCT FROM
            (file.lines_read, file.lines_rejected, file.lines_imported, file.revenue))
