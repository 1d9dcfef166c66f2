#!/usr/bin/env bash
# insert-rows.sh TABLE FILE: sends a JSON array of up to 1000 rows as a batch. The Idempotency-Key is made of the
# content: however often curl, or you, send the same file again, its rows go in once, and the answer is the same.
source "$(dirname "$0")/longshore.sh"
table=$1 file=$2

key=$(printf '%s ' "$table" | cat - "$file" | sha256sum | cut -d ' ' -f 1)
batch=$(api "/v1/tables/$table/rows" --header 'content-type: application/json' --header "idempotency-key: $key" \
  --data-binary "@$file")
echo "batch $(field id <<<"$batch"): $(field accepted <<<"$batch") accepted"
