#!/bin/sh
# Makes Temporal's namespace and Longshore's search attributes where they are missing, in the image with the admin tools.
# The address and the namespace are in TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE.
set -eu

if ! temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1; then
  temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "${RETENTION:-72h}"
fi

# A new namespace reaches all parts of the server within seconds.
tries=0
until known=$(temporal operator search-attribute list --namespace "$TEMPORAL_NAMESPACE"); do
  tries=$((tries + 1))
  [ "$tries" -lt 30 ] || exit 1
  sleep 1
done
for attribute in LongshoreTable=Keyword LongshoreKind=Keyword LongshoreId=Keyword LongshoreRejects=Int; do
  name=${attribute%=*}
  type=${attribute#*=}
  case $known in
    *"$name"*) ;;
    *) temporal operator search-attribute create --namespace "$TEMPORAL_NAMESPACE" --name "$name" --type "$type" ;;
  esac
done
