"""Validates Data Packages with frictionless and prints what it found, as JSON.

Reads from standard input [{"descriptor": {...}, "folder": "..."}, ...] and answers with a list of
{"tables": {name: {"file": [...], "rows": [{"line", "code", "field", "note"}, ...]}}} in the same order.
Frictionless counts records; "line" is the physical line on which the record begins.

The file's name must not begin with "frictionless_": frictionless imports every such module as a plug-in.
"""

import csv
import json
import sys

from frictionless import Metadata, Package


def stay_offline():
    """The $schema says that the package follows version 2; frictionless would fetch that profile to check it."""
    retrieve = Metadata.metadata_retrieve.__func__

    def without_profiles(cls, descriptor, **options):
        if isinstance(descriptor, str) and descriptor.startswith("https://datapackage.org/profiles/"):
            return {}
        return retrieve(cls, descriptor, **options)

    Metadata.metadata_retrieve = classmethod(without_profiles)


def first_lines(path, encoding, dialect):
    """Physical line of each record, found with Python's csv module and the dialect alone."""
    escape = dialect.get("escapeChar")
    quote = dialect.get("quoteChar", '"')
    options = {
        "delimiter": dialect["delimiter"],
        "doublequote": dialect["doubleQuote"] if escape else True,
        "escapechar": escape,
        "quotechar": quote or None,
        "quoting": csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
        "skipinitialspace": dialect["skipInitialSpace"],
    }
    lines = []
    with open(path, encoding=encoding, errors="replace", newline="") as stream:
        reader = csv.reader(stream, **options)
        before = 0
        for _ in reader:
            lines.append(before + 1)
            before = reader.line_num
    return lines


def report(job):
    package = Package(job["descriptor"], basepath=job["folder"])
    outcome = package.validate(limit_errors=10**9, parallel=False)
    tables = {}
    for resource in job["descriptor"]["resources"]:
        tables[resource["name"]] = {"file": [], "rows": []}
    if outcome.errors:
        return {"fatal": [error.message for error in outcome.errors]}
    for task, resource in zip(outcome.tasks, job["descriptor"]["resources"]):
        found = tables[resource["name"]]
        lines = None
        for error in task.errors:
            number = getattr(error, "row_number", None)
            if number is None:
                found["file"].append({"code": error.type, "note": error.note})
                continue
            if lines is None:
                path = job["folder"] + "/" + resource["path"]
                lines = first_lines(path, resource["encoding"], resource["dialect"])
            field = getattr(error, "field_name", None)
            if error.type == "foreign-key":
                field = ",".join(error.field_names)
            position = error.note.rpartition("position ")[2]
            found["rows"].append(
                {
                    "line": lines[number - 1],
                    "code": error.type,
                    "field": field or None,
                    "note": error.note,
                    "firstLine": lines[int(position) - 1] if position.isdigit() else None,
                }
            )
    return {"tables": tables}


def main():
    stay_offline()
    jobs = json.load(sys.stdin)
    reports = []
    for job in jobs:
        try:
            reports.append(report(job))
        except Exception as error:  # a judge that fails on one package still judges the others
            reports.append({"fatal": [repr(error)]})
    json.dump(reports, sys.stdout)


if __name__ == "__main__":
    main()
