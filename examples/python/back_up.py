"""back_up.py TABLE: backs a table up, proves the backup good by a drill, and prints its ID.

A drill restores the backup into a table of its own, compares, and drops it.
"""

import sys

from longshore import run

backup = run(f"/v1/tables/{sys.argv[1]}/backups")
run(f"{backup['links']['self']}/verify")
print(backup["id"])
