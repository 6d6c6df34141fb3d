#!/bin/sh
# Puts the newest backup back, in a folder of its own, and looks whether it is whole. The ledger itself is not touched.
#
#   BEA      the program                   [bea]
#   BACKUPS  the folder of the copies      [backups]
set -eu
bea=${BEA:-bea}
folder=${BACKUPS:-backups}

newest=$(ls "$folder" | grep -E '^ledger-[0-9]{8}T[0-9]{6}Z\.sqlite$' | sort | tail -n 1)
if [ -z "$newest" ]; then
    echo "there is no backup in $folder" >&2
    exit 5
fi
drill=$(mktemp -d)
trap 'rm -rf "$drill"' EXIT
"$bea" ledger restore "$folder/$newest" --ledger "$drill/ledger.sqlite"
# What reading leaves beside a copy; one with anything in it is kept.
[ -s "$folder/$newest-wal" ] || rm -f "$folder/$newest-wal" "$folder/$newest-shm"
"$bea" ledger verify --ledger "$drill/ledger.sqlite"
"$bea" bets --ledger "$drill/ledger.sqlite" --json > "$drill/bets.json"
test -s "$drill/bets.json"
echo "the drill passed: $folder/$newest can be put back"
