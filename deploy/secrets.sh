#!/bin/sh
# Makes the secrets of docker-compose.yml that are missing, in the folder `secrets` beside it or in the one that is named:
#
#   deploy/secrets.sh [FOLDER]
#
# The folder is its owner's alone. The files in it can be read by all, because each container reads its own ones under
# another user: Compose mounts them as they are.
set -eu
folder=${1:-"$(dirname "$0")/../secrets"}
[ -d "$folder" ] || mkdir -m 700 "$folder"

for name in postgres_password longshore_database_password temporal_database_password s3_secret_key \
  longshore_admin_key longshore_payload_key longshore_backup_key; do
  if [ ! -e "$folder/$name" ]; then
    head -c 32 /dev/urandom | base64 >"$folder/$name"
    chmod 444 "$folder/$name"
    echo "made $folder/$name"
  fi
done
