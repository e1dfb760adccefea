#!/bin/sh
# Starts heketi in a container: brings back a database where there is none, keeps copies of the one there is, loads a
# topology into an empty one, and becomes the server.
#
#   HEKETI_PATH              directory of the database                        /var/lib/heketi
#   HEKETI_CONFIG_FILE       configuration of the server                      /etc/heketi/heketi.json
#   BACKUPDB_PATH            where heketi.db.gz of a backup may lie           /backupdb
#   TMP_PATH                 directory for temporary files                    /tmp
#   HEKETI_DB_ARCHIVE_PATH   where copies are kept, - for none                $HEKETI_PATH/archive
#   HEKETI_DB_ARCHIVE_COUNT  how many of them                                 5
#   HEKETI_TRY_UPDATE_DB_VOL yes sets options of the volume of the database   no
#   HEKETI_TOPOLOGY_FILE     topology for an empty database                   none
#   HEKETI_DB_WAIT           seconds to wait for a database and for its lock  60
set -u

: "${HEKETI_PATH:=/var/lib/heketi}"
: "${HEKETI_CONFIG_FILE:=/etc/heketi/heketi.json}"
: "${BACKUPDB_PATH:=/backupdb}"
: "${TMP_PATH:=/tmp}"
: "${HEKETI_DB_ARCHIVE_PATH:=$HEKETI_PATH/archive}"
: "${HEKETI_DB_ARCHIVE_COUNT:=5}"
: "${HEKETI_TRY_UPDATE_DB_VOL:=no}"
: "${HEKETI_TOPOLOGY_FILE:=}"
: "${HEKETI_DB_WAIT:=60}"
DB="$HEKETI_PATH/heketi.db"
LOG=""

say() {
    echo "heketi-start: $*" >&2
    [ -z "$LOG" ] || echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) $*" >>"$LOG"
}

fail() {
    say "ERROR: $*"
    exit 1
}

# Is the directory the mount of the volume that holds databases?
on_database_volume() {
    awk -v path="$HEKETI_PATH" '$2 == path && $1 ~ /heketidbstorage$/ { found = 1 } END { exit !found }' /proc/mounts
}

# A mount that is not ready yet looks like an empty directory; a new database there would hide the old one. Another
# pod may still write.
wait_for_database_volume() {
    LOG="$HEKETI_PATH/container.log"
    waited=0
    until [ -f "$DB" ] || [ -f "$DB.v10" ]; do
        [ "$waited" -lt "$HEKETI_DB_WAIT" ] || fail "there is no $DB on the volume after $HEKETI_DB_WAIT s"
        sleep 1
        waited=$((waited + 1))
    done
    exec 9>>"$DB.lock" || fail "$DB.lock cannot be opened"
    flock -w "$HEKETI_DB_WAIT" 9 || fail "another container holds $DB for $HEKETI_DB_WAIT s"
}

restore() {
    # With a $DB.v10 and no $DB the server finishes an interrupted conversion, or says what to do.
    [ ! -f "$DB" ] && [ ! -f "$DB.v10" ] && [ -f "$BACKUPDB_PATH/heketi.db.gz" ] || return 0
    say "restoring $DB from $BACKUPDB_PATH/heketi.db.gz"
    # Under another name until it is whole.
    gunzip -c "$BACKUPDB_PATH/heketi.db.gz" >"$DB.restored" || { rm -f "$DB.restored"; fail "the backup is broken"; }
    sync "$DB.restored" && mv "$DB.restored" "$DB" || fail "$DB cannot be written"
}

# Keeps a copy of a good database. That there is none is no reason not to start.
archive() {
    [ "$HEKETI_DB_ARCHIVE_PATH" != - ] && [ -f "$DB" ] || return 0
    if ! why=$(heketi db dump --dbfile "$DB" 2>&1 >/dev/null); then
        say "WARNING: $DB cannot be read, no copy of it is kept: $why"
        return 0
    fi
    mkdir -p "$HEKETI_DB_ARCHIVE_PATH" || return 0
    sum=$(sha256sum <"$DB" | cut -d' ' -f1)
    if cat "$HEKETI_DB_ARCHIVE_PATH"/*.sha256 2>/dev/null | grep -q "$sum"; then
        return 0
    fi
    # Two of one second are two.
    name="$HEKETI_DB_ARCHIVE_PATH/heketi.db.$(date -u +%Y%m%d%H%M%S).$(echo "$sum" | cut -c1-8).gz"
    gzip -c "$DB" >"$name.new" && mv "$name.new" "$name" && echo "$sum" >"$name.sha256" || say "WARNING: no copy in $name"
    # By their times: names of one second do not tell which is older.
    ls -1t "$HEKETI_DB_ARCHIVE_PATH" | grep '\.gz$' | tail -n +"$((HEKETI_DB_ARCHIVE_COUNT + 1))" | while read -r old; do
        rm -f "$HEKETI_DB_ARCHIVE_PATH/$old" "$HEKETI_DB_ARCHIVE_PATH/$old.sha256"
    done
}

# In the background, while the server starts in the place of this script.
load_topology() {
    url="http://localhost:${HEKETI_HTTP_PORT:-8080}"
    tries=0
    until [ "$(curl -s -m 5 "$url/hello")" = "Hello from Heketi" ]; do
        [ "$tries" -lt 60 ] || { say "WARNING: the server does not answer, the topology is not loaded"; return; }
        sleep 1
        tries=$((tries + 1))
    done
    # The key goes by the environment: arguments can be seen by everyone.
    HEKETI_CLI_SERVER="$url" HEKETI_CLI_USER=admin HEKETI_CLI_KEY="${HEKETI_ADMIN_KEY:-}" \
        heketi-cli topology load --json="$HEKETI_TOPOLOGY_FILE" >"$TMP_PATH/heketi-topology.log" 2>&1 ||
        say "WARNING: the topology could not be loaded; see $TMP_PATH/heketi-topology.log"
}

mkdir -p "$HEKETI_PATH" || fail "$HEKETI_PATH cannot be made"
on_database_volume && wait_for_database_volume
restore
archive
if [ "$HEKETI_TRY_UPDATE_DB_VOL" = yes ] && [ -f "$DB" ]; then
    heketi offline update-dbvol --config "$HEKETI_CONFIG_FILE" || say "WARNING: the volume of the database is as it was"
fi
if [ -n "$HEKETI_TOPOLOGY_FILE" ] && [ ! -f "$DB" ]; then
    load_topology &
fi
exec heketi --config="$HEKETI_CONFIG_FILE" "$@"
