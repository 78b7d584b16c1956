# Loads a sales file as text, by COPY of CSV: FILE URL FOLDER.
import sys

import dlt
from pyarrow import csv, string

source, url, folder = sys.argv[1:]
with open(source, encoding="utf-8") as file:
    names = file.readline().strip().split(",")
texts = csv.ConvertOptions(column_types={name: string() for name in names})
pipeline = dlt.pipeline(
    "bench",
    pipelines_dir=folder,
    destination=dlt.destinations.postgres(url),
    dataset_name="bench",
)
lines = dlt.resource(csv.open_csv(source, convert_options=texts), name="target")
pipeline.run(lines, write_disposition="append", loader_file_format="csv")
