"""restore.py TABLE [BACKUP]: says what a restore would change, then restores the table as it was at its backup.

The backup is the latest unless one is named. What is replaced is backed up first, and the last line says how the
restore is undone.
"""

import sys

from longshore import run

table = sys.argv[1]
backup = sys.argv[2] if len(sys.argv) > 2 else "latest"
path = f"/v1/tables/{table}/restore"
change = run(path, {"backup": backup, "dryRun": True})["changes"][0]
print(f"restoring {table}: {change['added']} rows come back, {change['removed']} go, {change['changed']} change")
restored = run(path, {"backup": backup})
print(f"done; to undo it: restore.py {table} {restored['safetyBackupId']}")
