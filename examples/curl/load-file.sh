#!/usr/bin/env bash
# load-file.sh TABLE FILE: loads a CSV file, waits for the end, and shows the rows that were rejected.
source "$(dirname "$0")/longshore.sh"
table=$1 file=$2

started=$(api "/v1/tables/$table/loads" --header 'content-type: text/csv' --data-binary "@$file")
id=$(field id <<<"$started")
load=$(wait_for "/v1/loads/$id")
echo "load $id of $table: $(field read <<<"$load") read, $(field loaded <<<"$load") loaded, $(field rejected <<<"$load") rejected"
api "/v1/loads/$id/rejects?format=csv"
