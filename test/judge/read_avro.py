"""Reads Avro files with fastavro, and what Apache's tools made of them, and compares both with PostgreSQL.

Reads from standard input [{"file", "schema", "expected", "tojson", "rewritten"}, ...] and answers with a list of lists
of faults in the same order. "expected" has a line a row: {"text": [PostgreSQL's ::text of each column, or null],
"stored": [the same with days and microseconds since 1970 for dates and times]}. "tojson" is the output of Apache's
tojson. fastavro writes the rows that it read to "rewritten", by the same schema and codec.
"""

import json
import sys

import fastavro
from avro_rows import SHOWN_FAULTS, differences, expected_of, text_of


def plain(value):
    """A value of Apache's JSON, where a union names its branch."""
    return next(iter(value.values())) if isinstance(value, dict) else value


def plain_schema(schema):
    """Without what fastavro adds to a schema that it has parsed."""
    if isinstance(schema, list):
        return [plain_schema(branch) for branch in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: plain_schema(value) for key, value in schema.items() if not key.startswith("__")}


def judge(job):
    faults = []
    expected = expected_of(job)
    names = [field["name"] for field in job["schema"]["fields"]]
    with open(job["file"], "rb") as file:
        reader = fastavro.reader(file)
        schema, codec = reader.writer_schema, reader.codec
        records = list(reader)
    wanted = plain_schema(fastavro.parse_schema(job["schema"]))
    if plain_schema(schema) != wanted:
        faults.append(f"fastavro: the schema is {plain_schema(schema)} instead of {wanted}")
    read = ([text_of(record[name]) for name in names] for record in records)
    faults += differences("fastavro", read, (row["text"] for row in expected), names)
    with open(job["tojson"], encoding="utf-8") as lines:
        # Of no rows, Apache's tool prints an empty line.
        rows = [json.loads(line) for line in lines if line.strip()]
    read = ([text_of(plain(row[name])) for name in names] for row in rows)
    faults += differences("avro-tools", read, (row["stored"] for row in expected), names)
    with open(job["rewritten"], "wb") as file:
        fastavro.writer(file, job["schema"], records, codec=codec, sync_interval=4000)
    return faults[:SHOWN_FAULTS]


json.dump([judge(job) for job in json.load(sys.stdin)], sys.stdout)
