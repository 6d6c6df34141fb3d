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

# shellcheck source=tests/http/host.sh
. "$root/tests/http/host.sh"
host_begin
cp -r "$root/strategies" "$root/examples" .
token=$("$bea" token new tester --role control --quiet)
host_start --data 'examples/recordings/1.*'
# Events and the WebSocket never end: no tester waits for that. `/metrics` is no JSON.
"$venv/bin/schemathesis" run "$address/api/v1/openapi.json" \
    --header "Authorization: Bearer $token" --header 'X-Requested-With: schemathesis' \
    --exclude-path-regex '^/api/v1/(events|ws)$' \
    --phases examples,coverage,fuzzing --max-examples 20 --seed 1 --workers 2 --request-timeout 15
"$bea" ledger verify
