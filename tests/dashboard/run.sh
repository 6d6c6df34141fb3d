#!/usr/bin/env bash
# Tries the dashboard in headless Chromium. Needs chromium and node; fetches playwright-core (npm) into target/ once.
#
#   tests/dashboard/run.sh [path of bea] [folder for screenshots]
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
bea=$(realpath "${1:-$root/target/debug/bea}")
export CHROMIUM=${CHROMIUM:-$(command -v chromium)}
export NODE_HOME="$root/target/dashboard"
mkdir -p "$NODE_HOME"
[ -d "$NODE_HOME/node_modules/playwright-core" ] ||
    npm install --silent --no-audit --no-fund --prefix "$NODE_HOME" playwright-core@1

# shellcheck source=tests/http/host.sh
. "$root/tests/http/host.sh"
host_begin
mkdir strategies
cat >strategies/fav.rhai <<'RHAI'
// Asks at every change for a bet that rests, and for one that is too large.
fn on_odds(market, ctx) {
    let runner = market.runners[0];
    [back(runner, 900.0, 1.0).reason("rests"), back(runner, 3.0, 5000.0).reason("too much")]
}
RHAI
token=$("$bea" token new alice --role control --quiet)
host_start --data "$root/examples/recordings"
node "$root/tests/dashboard/drive.mjs" "$address" "$place" "$token" "${2:-}"
