"""betfairlightweight against the look-alike: a whole life of bets, from login to settlement."""

import queue
import sys
import threading
import time

import requests
from addresses import HTTP, point
from betfairlightweight import APIClient, StreamListener, filters
from betfairlightweight.exceptions import APIError

DEADLINE = time.monotonic() + 60


def control(path, body):
    answer = requests.post(f"{HTTP}/control/{path}", json=body, timeout=30)
    answer.raise_for_status()
    return answer.json()


def until(what, found):
    """Waits for the stream: order messages have no appointed time."""
    while not (value := found()):
        if time.monotonic() > DEADLINE:
            sys.exit(f"never came: {what}")
        time.sleep(0.01)
    return value


def step(name):
    print(f"ok {name}", flush=True)


client = point(APIClient("ann", "secret", app_key="key", lightweight=False))
client.login_interactive()
assert client.session_token
client.keep_alive()
step("login")

sports = client.betting.list_event_types()
assert sports and sports[0].event_type.name, sports
events = client.betting.list_events()
catalogue = client.betting.list_market_catalogue(
    filter=filters.market_filter(),
    market_projection=["EVENT", "EVENT_TYPE", "MARKET_START_TIME", "MARKET_DESCRIPTION", "RUNNER_DESCRIPTION"],
    max_results=10,
)
market_id = catalogue[0].market_id
assert catalogue[0].event.id == events[0].event.id
assert catalogue[0].runners and catalogue[0].description.market_base_rate == 5
step("catalogue")

(book,) = client.betting.list_market_book(
    market_ids=[market_id], price_projection=filters.price_projection(price_data=["EX_ALL_OFFERS", "EX_TRADED"])
)
runner = next(r for r in book.runners if r.status == "ACTIVE" and r.ex.available_to_back and r.ex.available_to_lay)
best_back = runner.ex.available_to_back[0].price
best_lay = runner.ex.available_to_lay[0].price
assert best_back < best_lay
step("book")

# Both streams, each with a listener of its own.
listener = StreamListener(output_queue=queue.Queue(), max_latency=None)
markets = client.streaming.create_stream(listener=listener)
markets.subscribe_to_markets(
    market_filter=filters.streaming_market_filter(market_ids=[market_id]),
    market_data_filter=filters.streaming_market_data_filter(
        fields=["EX_MARKET_DEF", "EX_BEST_OFFERS", "EX_LTP", "EX_TRADED_VOL"], ladder_levels=3
    ),
    conflate_ms=0,
)
order_listener = StreamListener(output_queue=queue.Queue(), max_latency=None)
orders = client.streaming.create_stream(listener=order_listener)
orders.subscribe_to_orders()
for stream in (markets, orders):
    threading.Thread(target=stream.start, daemon=True).start()


def snapped():
    return listener.snap(market_ids=[market_id]) if listener.stream else None


streamed = until("market image", snapped)[0]
same = next(r for r in streamed.runners if r.selection_id == runner.selection_id)
assert same.ex.available_to_back[0].price == best_back, (same.ex.available_to_back, best_back)
assert listener.initial_clk and listener.clk
step("market stream")


def streamed_order(bet_id):
    for snap in order_listener.snap() if order_listener.stream else []:
        for order in snap.orders:
            if order.bet_id == bet_id:
                return order
    return None


def place(side, price, size=2.0, ref=None, **more):
    instruction = filters.place_instruction(
        order_type="LIMIT",
        selection_id=runner.selection_id,
        side=side,
        limit_order=filters.limit_order(price=price, size=size, persistence_type="LAPSE"),
        customer_order_ref=ref,
    )
    return client.betting.place_orders(market_id=market_id, instructions=[instruction], **more)


# A lay far below the market waits; it is cancelled in two parts.
placed = place("LAY", 1.01, ref="waits", customer_strategy_ref="s1", customer_ref="request-1")
assert placed.status == "SUCCESS", placed._data
(report,) = placed.place_instruction_reports
assert report.order_status == "EXECUTABLE" and report.size_matched == 0
waits = report.bet_id
order = until("the order on the stream", lambda: streamed_order(waits))
assert order.status == "EXECUTABLE" and order.size_remaining == 2.0
assert order.customer_order_ref == "waits" and order.customer_strategy_ref == "s1"
current = client.betting.list_current_orders(customer_order_refs=["waits"]).orders
assert [o.bet_id for o in current] == [waits] and current[0].customer_strategy_ref == "s1"
step("place")

again = place("LAY", 1.01, customer_ref="request-1")
assert (again.status, again.error_code) == ("FAILURE", "DUPLICATE_TRANSACTION"), again._data
small = place("BACK", 1.01, size=0.5)
assert small.place_instruction_reports[0].error_code == "INVALID_BET_SIZE", small._data
odd = place("BACK", best_back + 0.001)
assert odd.place_instruction_reports[0].error_code == "INVALID_ODDS", odd._data
step("refusals")

updated = client.betting.update_orders(
    market_id=market_id, instructions=[filters.update_instruction(bet_id=waits, new_persistence_type="PERSIST")]
)
assert updated.status == "SUCCESS", updated._data
replaced = client.betting.replace_orders(
    market_id=market_id, instructions=[filters.replace_instruction(bet_id=waits, new_price=1.02)]
)
assert replaced.status == "SUCCESS", replaced._data
moved = replaced.replace_instruction_reports[0].place_instruction_reports.bet_id
assert moved != waits
until("the end of the old order", lambda: streamed_order(waits).status == "EXECUTION_COMPLETE")
order = until("the new order", lambda: streamed_order(moved))
assert (order.price_size.price, order.persistence_type) == (1.02, "PERSIST"), (order.price_size.price, order.persistence_type)
step("update and replace")

part = client.betting.cancel_orders(
    market_id=market_id, instructions=[filters.cancel_instruction(bet_id=moved, size_reduction=0.5)]
)
assert part.cancel_instruction_reports[0].size_cancelled == 0.5, part._data
rest = client.betting.cancel_orders(market_id=market_id, instructions=[filters.cancel_instruction(bet_id=moved)])
assert rest.cancel_instruction_reports[0].size_cancelled == 1.5, rest._data
until("the cancelled order", lambda: streamed_order(moved).size_cancelled == 2.0)
over = client.betting.cancel_orders(market_id=market_id, instructions=[filters.cancel_instruction(bet_id=moved)])
assert over.cancel_instruction_reports[0].error_code == "BET_TAKEN_OR_LAPSED", over._data
step("cancel")

# A back at the best price is matched at once.
taken = place("BACK", best_back, ref="taken", customer_strategy_ref="s1")
(report,) = taken.place_instruction_reports
assert report.size_matched == 2.0 and report.average_price_matched == best_back, taken._data
taken = report.bet_id
order = until("the matched order", lambda: streamed_order(taken))
assert (order.status, order.size_matched) == ("EXECUTION_COMPLETE", 2.0)
funds = client.account.get_account_funds()
assert funds.exposure == -2.0 and funds.available_to_bet_balance > 0, funds._data
assert client.account.get_account_details().currency_code == "GBP"
step("matched")

# The rest of the recording: the market closes.
control("clock", {"speed": "max", "run": True})
until("the end of the market", lambda: requests.get(f"{HTTP}/control", timeout=30).json()["ended"])
cleared = client.betting.list_cleared_orders(bet_status="SETTLED", bet_ids=[taken]).orders
assert len(cleared) == 1 and cleared[0].customer_order_ref == "taken", cleared
bet = cleared[0]
expected = round(2.0 * (best_back - 1), 2) if bet.bet_outcome == "WON" else -2.0
assert bet.profit == expected, (bet.profit, expected)
gone = client.betting.list_cleared_orders(bet_status="CANCELLED").orders
assert {o.bet_id for o in gone} == {waits, moved}, gone
assert not client.betting.list_current_orders().orders
row = client.betting.list_cleared_orders(bet_status="SETTLED", group_by="MARKET").orders[0]
balance = client.account.get_account_funds().available_to_bet_balance
assert round(balance - (funds.available_to_bet_balance + 2.0), 2) == round(row.profit - row.commission, 2)
until("the closed market", lambda: listener.snap(market_ids=[market_id])[0].status == "CLOSED")
step("settled")

# What is wrong comes as the client expects it.
requests.delete(f"{HTTP}/control/sessions", timeout=30)
try:
    client.betting.list_event_types()
    sys.exit("an expired session was taken")
except APIError as error:
    assert "INVALID_SESSION_INFORMATION" in str(error), error
step("expired session")
for stream in (markets, orders):
    stream.stop()
print("done", flush=True)
