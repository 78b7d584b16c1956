-- A line of a file is in the ledger once a load.
SELECT dataset_id, format('line %s of load %s is there %s times', line, load_id, count(*)) AS what
FROM takings.sale
GROUP BY dataset_id, load_id, line HAVING count(*) > 1
