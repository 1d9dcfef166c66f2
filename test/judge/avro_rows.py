"""Values of Avro files as the texts that PostgreSQL prints, and their differences to what PostgreSQL said."""

import datetime
import json
from itertools import zip_longest

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


def expected_of(job):
    """A line a row: {"text": [PostgreSQL's ::text of each column, or null], "stored": [what Avro stores of it]}."""
    with open(job["expected"], encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def differences(who, rows, expected, names):
    for number, (row, wanted) in enumerate(zip_longest(rows, expected), 1):
        if row is None or wanted is None:
            yield f"{who}: {'too few' if row is None else 'too many'} rows, from row {number}"
            return
        for name, got, right in zip(names, row, wanted, strict=True):
            if got != right:
                yield f"{who}: row {number}, {name}: {str(got)[:60]!r} instead of {str(right)[:60]!r}"
