"""Reads Avro files with fastavro, and what Apache's tools made of them, and compares both with PostgreSQL.

Reads from standard input [{"file", "schema", "expected", "tojson", "rewritten"}, ...] and answers with a list of lists
of faults in the same order. "expected" has a line a row: {"text": [PostgreSQL's ::text of each column, or null],
"stored": [the same with days and microseconds since 1970 for dates and times]}. "tojson" is the output of Apache's
tojson. fastavro writes the rows that it read to "rewritten", by the same schema and codec.
"""

import datetime
import json
import sys
from itertools import zip_longest

import fastavro

SHOWN_FAULTS = 20


def clock(value):
    """A time as PostgreSQL prints it: no zeros at the end of the fraction."""
    text = value.strftime("%H:%M:%S")
    return text + f".{value.microsecond:06d}".rstrip("0") if value.microsecond else text


def text_of(value):
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime.datetime):
        return f"{value.year:04d}-{value.month:02d}-{value.day:02d} {clock(value)}+00"
    if isinstance(value, datetime.time):
        return clock(value)
    return value.isoformat() if isinstance(value, datetime.date) else str(value)


def plain(value):
    """A value of Apache's JSON, where a union names its branch."""
    return next(iter(value.values())) if isinstance(value, dict) else value


def differences(who, rows, expected, names):
    for number, (row, wanted) in enumerate(zip_longest(rows, expected), 1):
        if row is None or wanted is None:
            yield f"{who}: {'too few' if row is None else 'too many'} rows, from row {number}"
            return
        for name, got, right in zip(names, row, wanted, strict=True):
            if got != right:
                yield f"{who}: row {number}, {name}: {str(got)[:60]!r} instead of {str(right)[:60]!r}"


def plain_schema(schema):
    """Without what fastavro adds to a schema that it has parsed."""
    if isinstance(schema, list):
        return [plain_schema(branch) for branch in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: plain_schema(value) for key, value in schema.items() if not key.startswith("__")}


def judge(job):
    faults = []
    with open(job["expected"], encoding="utf-8") as lines:
        expected = [json.loads(line) for line in lines]
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
