-- All live loads of a dataset are in its currency.
SELECT dataset_id, format('load %s is in %s, the dataset in %s', load.load_id, file.currency,
    coalesce(dataset.currency, 'none')) AS what
FROM takings.load
JOIN takings.imported_file file USING (imported_file_id, dataset_id)
JOIN takings.dataset USING (dataset_id)
WHERE state = 'live' AND file.currency IS DISTINCT FROM dataset.currency
