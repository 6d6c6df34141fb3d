"""flumine against the look-alike: the whole framework, with a strategy that lets one bet rest and has one matched."""

import logging
import sys
import threading

import requests
from addresses import HTTP, point
from betfairlightweight import APIClient
from betfairlightweight.filters import streaming_market_data_filter, streaming_market_filter
from flumine import BaseStrategy, Flumine, clients
from flumine.events.events import TerminationEvent
from flumine.order.order import OrderStatus
from flumine.order.ordertype import LimitOrder
from flumine.order.trade import Trade
from flumine.streams.betfairmarketstream import BetfairMarketStream

logging.basicConfig(level=logging.WARNING)


class Both(BaseStrategy):
    """Lays far below the market and cancels that; backs at the best price and keeps it."""

    def start(self, flumine):
        self.framework = flumine
        self.resting = self.taking = None
        self.was_cancelled = self.was_settled = False

    def check_market_book(self, market, market_book):
        return market_book.status == "OPEN" and not market_book.inplay

    def order(self, market_book, runner, side, price):
        trade = Trade(market_book.market_id, runner.selection_id, runner.handicap, self)
        return trade.create_order(side=side, order_type=LimitOrder(price=price, size=2.0))

    def process_market_book(self, market, market_book):
        runner = min(
            (r for r in market_book.runners if r.status == "ACTIVE" and r.ex.available_to_back and r.ex.available_to_lay),
            key=lambda r: r.ex.available_to_lay[0]["price"],
        )
        if self.resting is None:
            self.resting = self.order(market_book, runner, "LAY", 1.01)
            market.place_order(self.resting)
        elif self.taking is None:
            self.taking = self.order(market_book, runner, "BACK", runner.ex.available_to_back[0]["price"])
            market.place_order(self.taking)

    def process_orders(self, market, orders):
        for order in orders:
            if order is self.resting and order.status == OrderStatus.EXECUTABLE and order.size_remaining == 2.0:
                market.cancel_order(order)
            if order is self.resting and order.size_cancelled == 2.0:
                self.was_cancelled = True

    def process_closed_market(self, market, market_book):
        self.was_settled = True
        self.framework.handler_queue.put(TerminationEvent(None))


trading = point(APIClient("flo", "secret", app_key="key", lightweight=False))
framework = Flumine(clients.BetfairClient(trading, interactive_login=True, order_stream=True))
stream = BetfairMarketStream(
    market_filter=streaming_market_filter(event_type_ids=["7"], market_types=["WIN"]),
    market_data_filter=streaming_market_data_filter(
        fields=["EX_MARKET_DEF", "EX_ALL_OFFERS", "EX_TRADED", "EX_TRADED_VOL", "EX_LTP"], ladder_levels=3
    ),
)
strategy = Both(
    stream=stream,
    max_order_exposure=10,
    max_selection_exposure=10,
    max_live_trade_count=2,
    max_trade_count=10,
)
framework.add_strategy(strategy)
requests.post(f"{HTTP}/control/clock", json={"run": True}, timeout=30).raise_for_status()
watchdog = threading.Timer(80, lambda: framework.handler_queue.put(TerminationEvent(None)))
watchdog.daemon = True
watchdog.start()
framework.run()

if not strategy.was_cancelled:
    sys.exit(f"the resting order was not cancelled: {strategy.resting and strategy.resting.status}")
if strategy.taking is None or strategy.taking.size_matched != 2.0:
    sys.exit(f"the taking order was not matched: {strategy.taking and strategy.taking.status}")
if not strategy.was_settled:
    sys.exit("the market did not close")
refs = [order.customer_order_ref for order in (strategy.resting, strategy.taking)]
trading.login_interactive()
cleared = trading.betting.list_cleared_orders(bet_status="SETTLED").orders
if [bet.customer_order_ref for bet in cleared] != refs[1:]:
    sys.exit(f"settled {cleared}, wanted {refs[1:]}")
print("done", flush=True)
