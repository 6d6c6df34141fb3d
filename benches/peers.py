#!/usr/bin/env python3
"""Updates a second beside the field's other simulators, on the same recording, in one run.

    cargo build --release
    python3 -m venv /tmp/peers && /tmp/peers/bin/pip install betfair_data flumine
    /tmp/peers/bin/python benches/peers.py RECORDING [--in-play RECORDING] [--bea target/release/bea] [--rounds 3]

RECORDING is one market as the venue recorded it, plain or .bz2; one that is busy in play may be named for LayInPlay. Peers that are not installed are left out. Each figure is
updates a second of processor time, the best of the rounds, so that other load on the machine is not measured;
rounds of ours and theirs alternate. Starting a program and compiling a script is taken off by timing it alone.
"""

import argparse
import bz2
import datetime
import importlib.util
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time

READS_ALL = """
fn markets() { #{ status: ["OPEN", "SUSPENDED"] } }
fn on_odds(market, ctx) {
    let seen = 0.0;
    for runner in market.active {
        let back = runner.best_back;
        let lay = runner.best_lay;
        if back != () && lay != () { seen += lay.price - back.price; }
    }
}
"""
# Reads nothing and wants no market: reading, books and the simulated exchange are what is left.
NOTHING = """
fn markets() { #{ sport: "nothing" } }
fn on_odds(market, ctx) { }
"""
# The same prices by two calls.
BY_CALLS = """
fn markets() { #{ status: ["OPEN", "SUSPENDED"] } }
fn on_odds(market, ctx) {
    let backs = market.best_backs();
    let lays = market.best_lays();
}
"""
# The loop again, asked only in the last stretch before the start, where one update in twenty lies.
LAST_STRETCH = READS_ALL.replace("status:", "seconds_to_start: [0, MOST], status:")
HERE = os.path.dirname(os.path.abspath(__file__))
LAY_IN_PLAY = os.path.join(HERE, "..", "tests", "reference", "lay_in_play.rhai")

# Each peer runs in a process of its own: `python -c CODE recording copies`.
BETFAIR_DATA = """
import sys, betfair_data
paths = [sys.argv[1]] * int(sys.argv[2])
seen, updates = 0.0, 0
for file in betfair_data.Files(paths):
    for market in file:
        updates += 1
print(updates)
"""
BETFAIR_DATA_READS = """
import sys, betfair_data
paths = [sys.argv[1]] * int(sys.argv[2])
seen, updates = 0.0, 0
for file in betfair_data.Files(paths):
    for market in file:
        updates += 1
        for runner in market.runners:
            back, lay = runner.ex.available_to_back, runner.ex.available_to_lay
            if runner.status == 'ACTIVE' and back and lay:
                seen += lay[0].price - back[0].price
print(updates)
"""
FLUMINE = """
import sys, logging
logging.disable(logging.CRITICAL)
from flumine import FlumineSimulation, BaseStrategy, clients
from flumine.order.trade import Trade
from flumine.order.ordertype import LimitOrder
from flumine.order.order import OrderStatus
try:
    from flumine.streams.betfairhistoricalstream import BetfairHistoricalStream
    source = dict(stream=BetfairHistoricalStream(file_path=sys.argv[1]))
except ImportError:
    source = dict(market_filter={'markets': [sys.argv[1]]})
updates = 0
class Reads(BaseStrategy):
    def check_market_book(self, market, market_book):
        global updates
        updates += 1
        return True
    def process_market_book(self, market, market_book):
        seen = 0.0
        for runner in market_book.runners:
            back, lay = runner.ex.available_to_back, runner.ex.available_to_lay
            if runner.status == 'ACTIVE' and back and lay:
                seen += lay[0]['price'] - back[0]['price']
class LayInPlay(BaseStrategy):
    def check_market_book(self, market, market_book):
        global updates
        updates += 1
        return market_book.inplay and market_book.status == 'OPEN'
    def process_market_book(self, market, market_book):
        for runner in market_book.runners:
            if runner.status == 'ACTIVE' and runner.last_price_traded and runner.last_price_traded < 2:
                lay = runner.ex.available_to_lay
                if lay:
                    trade = Trade(market_book.market_id, runner.selection_id, runner.handicap, self)
                    market.place_order(trade.create_order(side='LAY', order_type=LimitOrder(lay[0]['price'], 2.0)))
    def process_orders(self, market, orders):
        for order in orders:
            if order.status == OrderStatus.EXECUTABLE and order.elapsed_seconds and order.elapsed_seconds > 2:
                market.cancel_order(order)
kind = LayInPlay if sys.argv[3] == 'lay' else Reads
for _ in range(int(sys.argv[2])):
    client = clients.SimulatedClient()
    client.transaction_limit = None
    framework = FlumineSimulation(client=client)
    framework.add_strategy(kind(**source, max_order_exposure=1000,
        max_selection_exposure=105, max_live_trade_count=10**9, multi_order_trades=True))
    framework.run()
print(updates)
"""


def processor_seconds(command):
    """What a command prints, and the processor time it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command[:3])} … failed:\n{done.stderr[-2000:]}")
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done.stdout, seconds


def ours(bea, script, paths, more=()):
    command = [bea, "backtest", script, "--json", "--quiet", "--threads", "1", *more, "--data", *paths]
    out, seconds = processor_seconds(command)
    return json.loads(out)["updates"], seconds


def peer(code, path, copies, *more):
    out, seconds = processor_seconds([sys.executable, "-c", code, path, str(copies), *more])
    return int(out.split()[-1]), seconds


def rate(measure, few, many, rounds):
    """The best rate of the rounds, start-up taken off."""
    best = 0.0
    for _ in range(rounds):
        (less, short), (more, long) = measure(few), measure(many)
        best = max(best, (more - less) / max(long - short, 1e-9))
    return best


def content_of(path):
    """A recording, unpacked, without a field that betfair_data cannot read as null and nobody needs."""
    with open(path, "rb") as file:
        content = file.read()
    if content[:3] == b"BZh":
        content = bz2.decompress(content)
    return re.sub(rb'"clk": ?null', b'"clk":"A"', content)


def last_stretch(content):
    """Seconds before the scheduled start that the last twentieth of the updates before it lies in."""
    start, at = 0, []
    for line in content.splitlines():
        message = json.loads(line)
        for market in message.get("mc", ()):
            told = market.get("marketDefinition", {}).get("marketTime")
            if told:
                start = datetime.datetime.fromisoformat(told.replace("Z", "+00:00")).timestamp()
            at.append(start - message["pt"] / 1000)
    before = sorted(seconds for seconds in at if seconds >= 0)
    if not before:
        return 0
    return max(0, int(before[min(len(at) // 20, len(before) - 1)]))


def on_the_wall(bea, script, paths, threads):
    """Seconds on the wall that the recordings take on so many threads."""
    command = [bea, "backtest", script, "--json", "--quiet", "--threads", str(threads), "--data", *paths]
    before = time.monotonic()
    subprocess.run(command, capture_output=True, check=True)
    return time.monotonic() - before


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("recording")
    words.add_argument("--in-play", metavar="RECORDING")
    words.add_argument("--bea", default="target/release/bea")
    words.add_argument("--rounds", type=int, default=3)
    words = words.parse_args()
    bytes_ = content_of(words.recording)
    in_play = content_of(words.in_play or words.recording)
    folder = tempfile.TemporaryDirectory()

    def put(name, content):
        path = os.path.join(folder.name, name)
        with open(path, "wb") as file:
            file.write(content)
        return path

    # The peers unpack by the ending, so a plain recording is measured as the bytes it is.
    plain = put("1.100000000", bytes_)
    packed = put("1.100000000.bz2", bz2.compress(bytes_))
    busy = put("1.200000000", in_play)
    reads_all, nothing = put("reads_all.rhai", READS_ALL.encode()), put("nothing.rhai", NOTHING.encode())
    by_calls = put("by_calls.rhai", BY_CALLS.encode())
    rarely = put("rarely.rhai", LAST_STRETCH.replace("MOST", str(last_stretch(bytes_))).encode())
    copies = max(1, 60_000_000 // len(bytes_))

    has = {name: importlib.util.find_spec(name) is not None for name in ("betfair_data", "flumine")}
    for name, there in has.items():
        if not there:
            print(f"{name} is not installed, and left out: pip install {name}", file=sys.stderr)

    def bea(script, path, *more):
        """Our run over so many copies: one file named twice would be played once."""
        ending = os.path.splitext(path)[1] if path == packed else ""
        stem = os.path.basename(path)[:4]
        with open(path, "rb") as file:
            content = file.read()

        def copies_of(n):
            paths = [os.path.join(folder.name, f"copy{at}-{stem}{ending}") for at in range(n)]
            for copy in paths:
                if not os.path.exists(copy):
                    with open(copy, "wb") as file:
                        file.write(content)
            return paths

        def measure(n):
            return ours(words.bea, script, copies_of(n), more)

        measure.copies = copies_of
        return measure

    tables = [
        ("read into books, plain", bea(nothing, plain), copies, "betfair_data",
         lambda n: peer(BETFAIR_DATA, plain, n), copies),
        ("read into books, bz2", bea(nothing, packed), copies // 4, "betfair_data",
         lambda n: peer(BETFAIR_DATA, packed, n), copies // 4),
        ("all best prices, in Rhai / Python", bea(reads_all, plain), copies // 4, "betfair_data",
         lambda n: peer(BETFAIR_DATA_READS, plain, n), 4),
        ("all best prices, in Rhai / Python", bea(reads_all, plain), copies // 4, "flumine",
         lambda n: peer(FLUMINE, plain, n, "reads"), 3),
        ("the same by best_backs, best_lays", bea(by_calls, plain), copies // 2, None, None, 0),
        ("the loop, asked for 1 update in 20", bea(rarely, plain), copies // 2, None, None, 0),
        ("LayInPlay, reference fills", bea(LAY_IN_PLAY, busy, "--fill", "reference"), copies // 4, "flumine",
         lambda n: peer(FLUMINE, busy, n, "lay"), 2),
    ]
    print(f"{'what':<36}{'ours /s':>12}  {'peer':<14}{'theirs /s':>12}{'ratio':>8}")
    for what, mine, many, name, theirs, many_theirs in tables:
        compared = has.get(name, False)
        best_mine = best_theirs = 0.0
        for _ in range(words.rounds):
            best_mine = max(best_mine, rate(mine, 1, 1 + max(many, 1), 1))
            if compared:
                best_theirs = max(best_theirs, rate(theirs, 1, 1 + many_theirs, 1))
        if compared:
            print(f"{what:<36}{best_mine:>12,.0f}  {name:<14}{best_theirs:>12,.0f}{best_mine / best_theirs:>8.1f}")
        else:
            print(f"{what:<36}{best_mine:>12,.0f}  {name or '':<14}{'-':>12}{'-':>8}", flush=True)
    paths = bea(reads_all, plain).copies(copies)
    rounds = [[on_the_wall(words.bea, reads_all, paths, threads) for threads in (1, 2)] for _ in range(words.rounds)]
    one, two = (min(times) for times in zip(*rounds))
    print(f"two threads beside one, {len(paths)} recordings, on the wall: {one:.2f} s and {two:.2f} s, {one / two:.2f} times as fast")


if __name__ == "__main__":
    main()
