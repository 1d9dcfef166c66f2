#!/usr/bin/env bash
# watch-load.sh LOAD: says every second how far a load is, until it has ended.
source "$(dirname "$0")/longshore.sh"
id=$1

while load=$(api "/v1/loads/$id") && status=$(field status <<<"$load"); do
  echo "load $id is $status: $(field bytes <<<"$load") of $(field bytesTotal <<<"$load") bytes, $(field loaded <<<"$load") rows loaded"
  case $status in
    done) exit 0 ;;
    failed | cancelled) exit 1 ;;
  esac
  sleep 1
done
