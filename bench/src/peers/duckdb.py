# A sales file in, the same lines cleaned and with types out: FILE CLEANED.
import sys

import duckdb

source, target = sys.argv[1:]
duckdb.execute(
    f"""
    COPY (
        SELECT strptime("Sale Date", '%m/%d/%Y')::date, "Sale ID", trim("Item name"), "Location",
            "Payment Method", "Client ID", "Quantity"::decimal(18, 3),
            "Item Total"::decimal(18, 3)
        FROM read_csv('{source}', all_varchar = true, header = true)
    ) TO '{target}' (FORMAT csv, HEADER false)
    """
)
