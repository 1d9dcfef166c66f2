"""load_file.py TABLE FILE: loads a CSV file, waits for the end, and shows the rows that were rejected."""

import json
import os
import sys

from longshore import api, ended

table, file = sys.argv[1:]
# Read while it is sent: a file of any size takes little memory.
with open(file, "rb") as body:
    headers = {"content-type": "text/csv", "content-length": str(os.path.getsize(file))}
    started = json.load(api(f"/v1/tables/{table}/loads", body, headers))
rows = ended(started["links"]["self"])["rows"]
print(f"load {started['id']} of {table}: {rows['read']} read, {rows['loaded']} loaded, {rows['rejected']} rejected")
print(api(f"{started['links']['rejects']}?format=csv").read().decode(), end="")
