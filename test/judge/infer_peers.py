"""What other people's programs make of files that they are told nothing about.

Reads a list of {path, encoding} from stdin and writes, for each reader and each of its settings, a reading of each
file (see test/support/infer/reading.ts). Each program is asked in the best way that its own documentation names for
a file one knows nothing of, and where that refuses a file, in the next one.
"""

import csv
import datetime
import decimal
import gzip
import json
import os
import sys
import uuid
import warnings

import agate
import duckdb
import frictionless
import pandas
from csvkit.utilities.csvstat import CSVStat

warnings.simplefilter("ignore")
# Cells of a text may be longer than Python's csv module takes at first.
csv.field_size_limit(2**31 - 1)


def cell(value):
    """One value as test/support/infer/reading.ts has it."""
    if value is None or value is pandas.NA or value is pandas.NaT:
        return None
    if hasattr(value, "item") and not isinstance(value, (pandas.Timestamp, pandas.Timedelta)):
        value = value.item()
    if isinstance(value, bool):
        return ["b", value]
    if isinstance(value, int):
        return ["n", str(value)]
    if isinstance(value, float):
        return ["n", "NaN"] if value != value else ["n", repr(value)]
    if isinstance(value, decimal.Decimal):
        return ["n", str(value)]
    if isinstance(value, str):
        return ["s", value]
    if isinstance(value, uuid.UUID):
        return ["s", str(value)]
    if isinstance(value, datetime.datetime):
        return ["t", value.isoformat()]
    if isinstance(value, datetime.date):
        return ["d", value.isoformat()]
    if isinstance(value, datetime.time):
        return ["h", value.isoformat()]
    if isinstance(value, datetime.timedelta):
        seconds = value.total_seconds()
        if seconds != int(seconds):
            return ["i", str(seconds)]
        return ["i", "%02d:%02d:%02d" % (seconds // 3600, seconds // 60 % 60, seconds % 60)]
    if isinstance(value, (dict, list)):
        return ["j", json.dumps(value, default=str)]
    if type(value).__name__ == "yearmonth":
        return ["d", "%04d-%02d-01" % (value.year, value.month)]
    return ["o", str(value)]


def reading(types, rows, **said):
    return {"types": types, "rows": [[cell(value) for value in row] for row in rows], **said}


# DuckDB: the sniffer over the whole file, and what read_csv makes of it.

DUCKDB_TYPES = {
    "VARCHAR": ["string"], "UUID": ["string"], "JSON": ["string"], "BOOLEAN": ["boolean"],
    "TINYINT": ["integer"], "SMALLINT": ["integer"], "INTEGER": ["integer"], "BIGINT": ["integer"],
    "HUGEINT": ["integer"], "UBIGINT": ["integer"], "FLOAT": ["number"], "DOUBLE": ["number"], "DATE": ["date"],
    "TIME": ["time"], "TIMESTAMP": ["datetime"], "TIMESTAMP WITH TIME ZONE": ["datetime"],
    "TIMESTAMP_NS": ["datetime"], "INTERVAL": ["duration"],
}  # fmt: skip


def duckdb_with(*ways):
    def read(path):
        error = None
        for way in ways:
            try:
                with duckdb.connect() as db:
                    db.execute("SET TimeZone = 'UTC'")
                    sniffed = db.execute(f"SELECT Delimiter, HasHeader FROM sniff_csv(?, {way})", [path]).fetchone()
                    result = db.execute(f"SELECT * FROM read_csv(?, {way})", [path])
                    types = [str(column[1]) for column in result.description]
                    rows = result.fetchall()
                names = [["number"] if t.startswith("DECIMAL") else DUCKDB_TYPES.get(t, ["other"]) for t in types]
                return reading(names, rows, delimiter=sniffed[0], header=sniffed[1])
            except Exception as caught:  # its next way, then what it said first
                error = error or caught
        raise error

    return read


# frictionless: describe, then the rows that its resource reads without an error.

FRICTIONLESS_TYPES = {"year": ["integer"], "yearmonth": ["date"], "object": ["string"], "array": ["string"], "any": ["string"]}


def frictionless_with(**detection):
    def read(path):
        detector = frictionless.Detector(sample_size=1_000_000, buffer_size=1_000_000, **detection)
        resource = frictionless.describe(os.path.basename(path), basepath=os.path.dirname(path), detector=detector, type="table")
        with resource:
            rows = [row.to_list() for row in resource.row_stream if not row.errors]
            types = [FRICTIONLESS_TYPES.get(field.type, [field.type]) for field in resource.schema.fields]
            control = resource.dialect.get_control("csv")
            return reading(types, rows, delimiter=control.delimiter, header=resource.dialect.header, encoding=resource.encoding)

    return read


# csvkit: the table as csvstat makes it, its types agate's.

AGATE_TYPES = {
    "Text": ["string"], "Number": ["number", "integer"], "Boolean": ["boolean"], "Date": ["date"],
    "DateTime": ["datetime"], "TimeDelta": ["duration", "time"],
}  # fmt: skip


def csvkit_with(*options):
    def read(path):
        csvstat = CSVStat([*options, path])
        csvstat.input_file = csvstat._open_input_file(path)
        limit = csvstat.args.sniff_limit if csvstat.args.sniff_limit != -1 else None
        table = agate.Table.from_csv(
            csvstat.input_file, sniff_limit=limit, column_types=csvstat.get_column_types(), **csvstat.reader_kwargs
        )
        types = [AGATE_TYPES[type(column.data_type).__name__] for column in table.columns]
        return reading(types, [list(row) for row in table.rows])

    return read


# pandas: the delimiter by its sniffer, and dates where all of a column can be read as such.

def pandas_with(dates):
    def read(path):
        try:
            with pandas.read_csv(path, sep=None, engine="python", iterator=True) as reader:
                delimiter = getattr(getattr(reader._engine.data, "dialect", None), "delimiter", None)
                frame = reader.read()
        except UnicodeDecodeError:
            raise
        except Exception:
            delimiter = None
            try:
                frame = pandas.read_csv(path)
            except UnicodeDecodeError:
                raise
            except Exception:
                frame = pandas.read_csv(path, sep=None, engine="python", on_bad_lines="skip")
        if not isinstance(frame.index, pandas.RangeIndex):
            frame = frame.reset_index()
        if dates:
            for name, column in frame.items():
                if column.dtype == object and column.notna().any():
                    try:
                        frame[name] = pandas.to_datetime(column)
                    except Exception:
                        pass
            frame = frame.convert_dtypes()
        types = []
        for at in range(len(frame.columns)):
            kind = str(frame.dtypes.iloc[at]).lower()
            column = frame.iloc[:, at]
            if column.isna().all():
                types.append(["empty", "string", "number"])
            elif kind.startswith(("int", "uint")):
                types.append(["integer"])
            elif kind.startswith("float"):
                # Whole numbers with gaps are floats to it.
                whole = column.dropna().apply(lambda value: float(value).is_integer()).all()
                types.append(["number", "integer"] if whole and column.isna().any() else ["number"])
            elif kind.startswith("bool"):
                types.append(["boolean"])
            elif kind.startswith("datetime"):
                types.append(["datetime", "date"])
            elif kind == "object" and column.dropna().map(lambda value: isinstance(value, bool)).all():
                types.append(["boolean"])
            elif kind == "object" and column.dropna().map(lambda value: hasattr(value, "isoformat")).all():
                types.append(["datetime", "date"])
            else:
                types.append(["string"])
        rows = [[None if missing(value) else value for value in row] for row in frame.astype(object).itertuples(index=False, name=None)]
        return reading(types, rows, delimiter=delimiter)

    return read


def missing(value):
    return value is None or value is pandas.NA or value is pandas.NaT or (isinstance(value, float) and value != value)


DUCKDB_WAYS = (
    "sample_size=-1",
    "sample_size=-1, strict_mode=false, null_padding=true",
    "sample_size=-1, strict_mode=false, ignore_errors=true",
)
# It takes none but the empty cell by itself; these are pandas's and csvkit's.
NOTHING = r"nullstr=['', 'NULL', 'null', 'NA', 'N/A', '\N']"

READERS = {
    "DuckDB": {
        "sample_size=-1": duckdb_with("sample_size=-1", "sample_size=-1, strict_mode=false"),
        "sample_size=-1, then null_padding": duckdb_with(*DUCKDB_WAYS),
        "sample_size=-1, the usual words for nothing": duckdb_with(*(f"{way}, {NOTHING}" for way in DUCKDB_WAYS)),
    },
    "frictionless": {
        "whole file, confidence 0.9": frictionless_with(),
        "whole file, confidence 1": frictionless_with(field_confidence=1),
    },
    "csvkit": {"as it is": csvkit_with()},
    "pandas": {"sep=None": pandas_with(False), "sep=None, to_datetime, convert_dtypes": pandas_with(True)},
}


def same_text(path, theirs, right):
    with (gzip.open if path.endswith(".gz") else open)(path, "rb") as file:
        data = file.read()
    return data.decode(theirs, "replace").lstrip("\ufeff") == data.decode(right, "replace").lstrip("\ufeff")


def read_all(job, read):
    # The best chance: as it is, and a second time as UTF-8, as if somebody had told the program the encoding.
    result = {}
    for key in ("path", "utf8Path"):
        try:
            found = read(job[key])
            if key == "path" and found.get("encoding"):
                found["sameText"] = same_text(job[key], found["encoding"], job["encoding"])
            result[key] = found
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            result[key] = {"failed": f"{type(error).__name__}: {error}"[:300], "types": [], "rows": []}
    return result


jobs = json.load(sys.stdin)
output = {
    name: {setting: [read_all(job, read) for job in jobs] for setting, read in settings.items()}
    for name, settings in READERS.items()
}
sys.stdout.write(json.dumps(output))
