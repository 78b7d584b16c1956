-- Every line that was read is imported, skipped or rejected, and each rejected one is on record.
SELECT dataset_id, format('run %s of import %s read %s lines: %s imported, %s skipped, %s rejected, %s on record',
    run, import_id, lines_read, lines_imported, lines_skipped, lines_rejected, rejects) AS what
FROM takings.imported_file
LEFT JOIN (
    SELECT imported_file_id, count(*) AS rejects FROM takings.reject GROUP BY imported_file_id
    ) recorded USING (imported_file_id)
WHERE status = 'Published' AND (
    lines_read <> lines_imported + lines_skipped + lines_rejected
    OR (load_id IS NOT NULL AND lines_rejected <> coalesce(rejects, 0)))
