#!/usr/bin/env bash
# back-up.sh TABLE: backs a table up, proves the backup good by restoring it into a table of its own (a drill), and
# prints its ID.
source "$(dirname "$0")/longshore.sh"
table=$1

id=$(api "/v1/tables/$table/backups" --request POST | field id)
wait_for "/v1/backups/$id" >/dev/null
drill=$(api "/v1/backups/$id/verify" --request POST | field id)
wait_for "/v1/restores/$drill" >/dev/null
echo "$id"
