"""watch_load.py LOAD: says every second how far a load is, until it has ended."""

import sys

from longshore import ended


def show(load):
    progress = load["progress"]
    print(
        f"load {load['id']} is {load['status']}: {progress['bytes']} of {progress['bytesTotal']} bytes,"
        f" {load['rows']['loaded']} rows loaded"
    )


ended(f"/v1/loads/{sys.argv[1]}", show)
