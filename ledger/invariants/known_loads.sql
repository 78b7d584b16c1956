-- Every line belongs to a load of its dataset whose lines were not removed.
SELECT sale.dataset_id, format('%s lines belong to load %s, which is not there', count(*), load_id)
    AS what
FROM takings.sale
WHERE NOT EXISTS (
    SELECT FROM takings.load
    WHERE load.load_id = sale.load_id AND load.dataset_id = sale.dataset_id AND purged_at IS NULL)
GROUP BY sale.dataset_id, load_id
