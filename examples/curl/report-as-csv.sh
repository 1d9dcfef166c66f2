#!/usr/bin/env bash
# report-as-csv.sh REPORT [QUERY]: prints a report as CSV. QUERY as in an address: 'year=2021&sort=-hired'.
source "$(dirname "$0")/longshore.sh"
report=$1 query=${2:-}

api "/v1/reports/$report?$query" --header 'accept: text/csv'
