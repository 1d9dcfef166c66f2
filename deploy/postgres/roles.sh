#!/bin/sh
# The roles and databases of Longshore and of Temporal. The image runs it once, when it makes a new cluster. Each role owns
# its own databases and is no superuser, and neither may connect to the other's.
set -eu
secrets=${SECRETS:-/run/secrets}
LONGSHORE_ROLE_PASSWORD=$(cat "$secrets/longshore_database_password")
TEMPORAL_ROLE_PASSWORD=$(cat "$secrets/temporal_database_password")
case $TEMPORAL_ROLE_PASSWORD in
  *' '*) echo 'temporal_database_password: Temporal can not log in with a password that has a blank' >&2; exit 1 ;;
esac
export LONGSHORE_ROLE_PASSWORD TEMPORAL_ROLE_PASSWORD

psql --no-psqlrc --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres <<'SQL'
\getenv longshore_password LONGSHORE_ROLE_PASSWORD
\getenv temporal_password TEMPORAL_ROLE_PASSWORD

create role longshore login password :'longshore_password';
create role temporal login password :'temporal_password';
-- The role that reads reports. It is made here, so that Longshore's own need not be able to make roles.
create role longshore_reader nologin;
grant longshore_reader to longshore;
-- So that appends check references as sets, and not row by row.
grant set on parameter session_replication_role to longshore;

create database longshore owner longshore;
create database temporal owner temporal;
create database temporal_visibility owner temporal;
revoke connect on database longshore, temporal, temporal_visibility from public;
SQL
