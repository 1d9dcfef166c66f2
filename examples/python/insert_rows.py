"""insert_rows.py TABLE FILE: sends a JSON array of rows in batches of up to 1000.

Each batch has an Idempotency-Key made of its content: whatever is sent again, by a retry or by a second run of this
program, goes in once, and gets the answer of the first time.
"""

import hashlib
import json
import sys

from longshore import ApiError, api

BATCH_ROWS = 1000


def send(table, body):
    key = hashlib.sha256(f"{table} ".encode() + body).hexdigest()
    headers = {"content-type": "application/json", "idempotency-key": key}
    try:
        return json.load(api(f"/v1/tables/{table}/rows", body, headers))
    except ApiError as error:
        # Every row of the batch broke a rule: an answer like the others.
        if error.problem["code"] != "batch-rejected":
            raise
        return {**error.problem["batch"], "rejected": error.problem["rejected"]}


table, file = sys.argv[1:]
with open(file, encoding="utf-8") as text:
    rows = json.load(text)
for start in range(0, len(rows), BATCH_ROWS):
    batch = send(table, json.dumps(rows[start : start + BATCH_ROWS]).encode())
    print(f"batch {batch['id']}: {batch['accepted']} accepted")
    for reject in batch["rejected"]:
        print(f"row {start + reject['index']}: {'; '.join(error['message'] for error in reject['errors'])}")
