#!/usr/bin/env bash
# Has schemathesis, a tester that reads the OpenAPI document, try everything on a running host. It makes a venv of its
# own for it (network: PyPI), plays a generated market, and ends with the tester's exit code.
#
#   tests/http/schemathesis.sh [path of bea]
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
bea=$(realpath "${1:-$root/target/debug/bea}")
venv="$root/target/schemathesis"
[ -x "$venv/bin/schemathesis" ] || { python3 -m venv "$venv" && "$venv/bin/pip" install --quiet 'schemathesis>=4,<5'; }

place=$(mktemp -d)
host=
trap '[ -n "$host" ] && kill "$host" 2>/dev/null; wait 2>/dev/null; rm -rf "$place"' EXIT
cd "$place"
cp -r "$root/strategies" "$root/examples" .
token=$("$bea" token new tester --role control --quiet)
"$bea" run --data 'examples/recordings/1.*' --speed 20 --set http.bind=127.0.0.1:0 2>said &
host=$!
: >>said
address=
for _ in $(seq 100); do
    address=$(sed -n 's|.*health: \(http://[^/]*\)/health.*|\1|p' said | head -n 1)
    [ -n "$address" ] && break
    kill -0 "$host" || { cat said; exit 1; }
    sleep 0.1
done
# Events and the WebSocket never end: no tester waits for that. `/metrics` is no JSON.
"$venv/bin/schemathesis" run "$address/api/v1/openapi.json" \
    --header "Authorization: Bearer $token" --header 'X-Requested-With: schemathesis' \
    --exclude-path-regex '^/api/v1/(events|ws)$' \
    --phases examples,coverage,fuzzing --max-examples 20 --seed 1 --workers 2 --request-timeout 15
"$bea" ledger verify
