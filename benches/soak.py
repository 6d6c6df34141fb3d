#!/usr/bin/env python3
"""How much memory long runs take, and whether it grows.

    cargo build --release
    python3 benches/soak.py [--bea target/release/bea] [--markets 500] [--rounds 200]

day     one feed of all markets at once, a million updates and more, as one session
rounds  a folder of markets played over and over by `bea run --speed max`, with a ledger: a long host's life in minutes

Prints the resident memory of the process over its life, in MiB, by quarters of the run.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time

STRATEGY = """
fn on_odds(market, ctx) {
    if ctx.all_orders.len() > 0 || market.active.len() == 0 { return; }
    let best = market.active[0].best_back;
    if best != () { back(market.active[0], best.price, 2.0) }
}
"""


def resident(pid):
    try:
        with open(f"/proc/{pid}/status") as status:
            found = re.search(r"VmRSS:\s+(\d+)", status.read())
    except FileNotFoundError:
        return None
    return found and int(found[1]) / 1024


def watch(name, command, folder):
    """Runs a command, and tells what it held of memory in each quarter of its life."""
    seen, started = [], time.monotonic()
    with open(os.path.join(folder, "out"), "w") as out, open(os.path.join(folder, "err"), "w") as err:
        process = subprocess.Popen(command, stdout=out, stderr=err, cwd=folder)
        while process.poll() is None:
            held = resident(process.pid)
            if held:
                seen.append(held)
            time.sleep(0.05)
    if process.returncode != 0:
        sys.exit(open(os.path.join(folder, "err")).read()[-2000:] or f"{name} failed")
    report = json.load(open(os.path.join(folder, "out")))
    quarters = [max(seen[len(seen) * q // 4 : max(len(seen) * (q + 1) // 4, 1)] or [0]) for q in range(4)]
    updates, markets = report["updates"], report["markets"]
    bets = sum(strategy["bets"] for strategy in report["strategies"])
    shown = "  ".join(f"{most:.0f}" for most in quarters)
    print(
        f"{name:<8}{updates:>10,} updates {markets:>7,} markets {bets:>7,} bets"
        f" {time.monotonic() - started:>7.1f} s   most MiB by quarter: {shown}"
    )


def merged(folder, files):
    """One feed of all markets at once: a line of each in turn, its time set anew."""
    path = os.path.join(folder, "day")
    lines = [iter(open(os.path.join(folder, "made", name), "rb")) for name in files]
    now = 1_767_225_600_000
    with open(path, "wb") as out:
        while lines:
            left = []
            for feed in lines:
                line = next(feed, None)
                if line is not None:
                    now += 50
                    out.write(re.sub(rb'"pt":\d+', b'"pt":%d' % now, line, count=1))
                    left.append(feed)
            lines = left
    return path


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--bea", default="target/release/bea")
    words.add_argument("--markets", type=int, default=500)
    words.add_argument("--rounds", type=int, default=200)
    words = words.parse_args()
    bea = os.path.abspath(words.bea)
    with tempfile.TemporaryDirectory() as folder:
        make = [bea, "generate", "--out", "made", "--count", str(words.markets), "--updates", "1900"]
        subprocess.run([*make, "--in-play-updates", "400"], cwd=folder, check=True, capture_output=True)
        os.mkdir(os.path.join(folder, "strategies"))
        with open(os.path.join(folder, "strategies", "first.rhai"), "w") as file:
            file.write(STRATEGY)
        files = sorted(os.listdir(os.path.join(folder, "made")))
        day = merged(folder, files)
        watch("day", [bea, "backtest", "first", "--json", "--data", day], folder)
        os.remove(day)
        again = os.path.join(folder, "again")
        os.mkdir(again)
        for at in range(words.rounds):
            for name in files[:10]:
                os.link(os.path.join(folder, "made", name), os.path.join(again, f"{at:05}-{name}"))
        watch("parallel", [bea, "backtest", "first", "--json", "--data", again], folder)
        host = [bea, "run", "--speed", "max", "--json", "--set", "http.enabled=false", "--data", again]
        watch("rounds", host, folder)


if __name__ == "__main__":
    main()
