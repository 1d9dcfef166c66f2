#!/usr/bin/env bash
# restore.sh TABLE [BACKUP]: says what a restore would change, then restores the table as it was at its backup (the
# latest unless one is named), and says how that is undone. What is replaced is backed up first.
source "$(dirname "$0")/longshore.sh"
table=$1 backup=${2:-latest}

restore() {
  local id
  id=$(api "/v1/tables/$table/restore" --header 'content-type: application/json' --data "$1" | field id)
  wait_for "/v1/restores/$id"
}
plan=$(restore "{\"backup\":\"$backup\",\"dryRun\":true}")
echo "restoring $table: $(field added <<<"$plan") rows come back, $(field removed <<<"$plan") go, $(field changed <<<"$plan") change"
done=$(restore "{\"backup\":\"$backup\"}")
echo "done; to undo it: restore.sh $table $(field safetyBackupId <<<"$done")"
