"""Reads Avro files with one of the readers that people have: python read_everywhere.py READER.

Reads from standard input [{"file", "expected", "names"}, ...] ("expected" as avro_rows.py has it) and answers with a
list of {"refused": what the reader said when it gave no rows, or null, "faults": [values that differ]}.
"""

import importlib.util
import json
import pathlib
import sys
import warnings

from avro_rows import SHOWN_FAULTS, differences, expected_of, text_of


def fastavro_rows(file, names):
    import fastavro

    with open(file, "rb") as source:
        for record in fastavro.reader(source):
            yield [record[name] for name in names]


def plain_fastavro_rows(file, names):
    # As where neither is installed: Python has the first from 3.14 on.
    sys.modules.update({"compression.zstd": None, "backports.zstd": None})
    yield from fastavro_rows(file, names)


def apache_rows(file, names):
    from avro.datafile import DataFileReader
    from avro.io import DatumReader

    # It warns of a logical type that it ignores, as the specification asks of it.
    warnings.simplefilter("ignore")
    with DataFileReader(open(file, "rb"), DatumReader()) as source:
        for record in source:
            yield [record[name] for name in names]


def duckdb_rows(file, names):
    import duckdb

    package = importlib.util.find_spec("duckdb_extension_avro").submodule_search_locations[0]
    extension = next(pathlib.Path(package).rglob("avro.duckdb_extension"))
    with duckdb.connect() as connection:
        connection.execute(f"load '{extension}'")
        columns = ", ".join('"' + name.replace('"', '""') + '"' for name in names)
        found = connection.execute(f"select {columns} from read_avro(?)", [file])
        while rows := found.fetchmany(10_000):
            yield from rows


def polars_rows(file, names):
    import polars

    yield from polars.read_avro(file).select(names).iter_rows()


READERS = {
    "fastavro": plain_fastavro_rows,
    "fastavro with backports.zstd": fastavro_rows,
    "Apache Avro for Python": apache_rows,
    "DuckDB": duckdb_rows,
    "polars": polars_rows,
}


def judge(reader, job):
    rows = []
    try:
        rows.extend(map(text_of, row) for row in READERS[reader](job["file"], job["names"]))
    except Exception as error:  # Each reader has its own.
        return {"refused": f"{type(error).__name__}: {str(error)[:200]}", "faults": []}
    wanted = (row["text"] for row in expected_of(job))
    return {"refused": None, "faults": list(differences(reader, rows, wanted, job["names"]))[:SHOWN_FAULTS]}


json.dump([judge(sys.argv[1], job) for job in json.load(sys.stdin)], sys.stdout)
