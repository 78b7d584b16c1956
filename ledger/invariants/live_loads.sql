-- A load that counts is that of a published run, and no import has two of them.
SELECT load.dataset_id, format('load %s of import %s is %s, its run is %s', load.load_id, import_id, state,
    status) AS what
FROM takings.load JOIN takings.imported_file USING (imported_file_id)
WHERE state IN ('live', 'retired', 'reverted') AND status <> 'Published'
UNION ALL
SELECT load.dataset_id, format('import %s has %s live loads', import_id, count(*))
FROM takings.load JOIN takings.imported_file USING (imported_file_id)
WHERE state = 'live' GROUP BY load.dataset_id, import_id HAVING count(*) > 1
