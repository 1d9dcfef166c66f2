#!/bin/sh
# Brings the tables of Temporal's two databases up to the version of the server, in the image with its admin tools.
# Idempotent: it runs before each start of the server. SQL_HOST, SQL_PORT and SQL_USER say where.
set -eu
SQL_PASSWORD=$(cat "${SECRETS:-/run/secrets}/temporal_database_password")
export SQL_PASSWORD SQL_PLUGIN=postgres12

for database in temporal temporal_visibility; do
  export SQL_DATABASE="$database"
  # Version 0.0 is an empty schema; where there is a later one already, this leaves it.
  temporal-sql-tool setup-schema --version 0.0
  temporal-sql-tool update-schema --schema-name "postgresql/v12/${database#temporal_}"
done
