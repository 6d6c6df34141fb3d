#!/bin/sh
# Makes a verified copy of the ledger, also while a host runs, and lets the oldest copies go.
#
#   BEA      the program                   [bea]
#   BACKUPS  the folder of the copies      [backups]
#   KEEP     how many are kept             [28]
set -eu
bea=${BEA:-bea}
folder=${BACKUPS:-backups}
keep=${KEEP:-28}

umask 077
mkdir -p "$folder"
copy=$folder/ledger-$(date -u +%Y%m%dT%H%M%SZ).sqlite
"$bea" ledger backup "$copy"
"$bea" ledger verify --ledger "$copy"
# What reading leaves beside a copy; one with anything in it is kept.
[ -s "$copy-wal" ] || rm -f "$copy-wal" "$copy-shm"

# Names sort by time; nothing but copies made here is touched.
count=0
for old in $(ls "$folder" | grep -E '^ledger-[0-9]{8}T[0-9]{6}Z\.sqlite$' | sort -r); do
    count=$((count + 1))
    if [ "$count" -gt "$keep" ]; then
        rm -f "$folder/$old"
        echo "removed $folder/$old"
    fi
done
