"""What the simulated exchange lists over REST: orders, positions, instruments and balances, page by page, or a refusal's code."""

import pytest
from exchange_client import signed

from simulator.market.instruments import INSTRUMENTS
from simulator.remote import RunningSimulator


def test_cursor_leads_through_all_pages_whether_encoded_again_or_not(exchange: RunningSimulator) -> None:
    ids = {exchange.account("place", category="option", symbol="BTC-25DEC26-65000-C")[0]["data"][0]["orderId"] for _ in range(5)}
    for encode in (lambda cursor: cursor, lambda cursor: cursor.replace("%", "%25")):
        found, cursor = [], ""
        while True:
            answer = signed(exchange, "/v5/order/realtime", f"category=option&limit=2&cursor={encode(cursor)}")
            assert answer["retCode"] == 0, answer
            found += [row["orderId"] for row in answer["result"]["list"]]
            cursor = answer["result"]["nextPageCursor"]
            if not cursor:
                break
            assert "%3D" in cursor
        assert set(found) == ids
        assert len(found) == len(ids)


def test_closed_orders_leave_realtime_and_stay_in_history_and_under_their_id(exchange: RunningSimulator) -> None:
    order_id = exchange.account("place", category="inverse", symbol="ETHUSD", link_id="mine")[0]["data"][0]["orderId"]
    exchange.account("cancel", order_id=order_id)

    def ids(path: str, query: str) -> list[str]:
        return [row["orderId"] for row in signed(exchange, path, query)["result"]["list"]]

    assert ids("/v5/order/realtime", "category=inverse") == []
    assert ids("/v5/order/realtime", "category=inverse&openOnly=1") == [order_id]
    assert ids("/v5/order/realtime", "category=inverse&orderLinkId=mine") == [order_id]
    assert ids("/v5/order/history", "category=inverse&orderStatus=Cancelled") == [order_id]
    assert ids("/v5/order/history", "category=inverse&symbol=BTCUSD") == []


def test_flat_position_is_listed_by_symbol_and_not_by_settle_coin(exchange: RunningSimulator) -> None:
    for side in ("Buy", "Sell"):
        order_id = exchange.account("place", symbol="ETHUSDT", side=side)[0]["data"][0]["orderId"]
        exchange.account("fill", order_id=order_id)
    [row] = signed(exchange, "/v5/position/list", "category=linear&symbol=ETHUSDT")["result"]["list"]
    assert (row["size"], row["side"]) == ("0.00", "")
    assert signed(exchange, "/v5/position/list", "category=linear&settleCoin=USDT")["result"]["list"] == []


@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        ("/v5/order/realtime", "category=linear", 10001),
        ("/v5/order/realtime", "category=spread", 10001),
        ("/v5/order/realtime", "category=spot&limit=51", 10001),
        ("/v5/order/realtime", "category=spot&cursor=7", 10001),
        ("/v5/position/list", "category=linear", 10001),
        ("/v5/execution/list", "category=linear&startTime=1&endTime=700000000", 10001),
        ("/v5/execution/list", "category=linear&startTime=soon", 10001),
        ("/v5/account/wallet-balance", "", 10001),
        ("/v5/order/nonsense", "", 10017),
    ],
)
def test_bad_rest_call_is_refused_by_code(exchange: RunningSimulator, path: str, query: str, code: int) -> None:
    answer = signed(exchange, path, query)
    assert (answer["retCode"], answer["result"]) == (code, {})


def test_every_instrument_is_listed_under_its_category(exchange: RunningSimulator) -> None:
    listed = {
        (category, row["symbol"])
        for category in ("spot", "linear", "inverse")
        for row in signed(exchange, "/v5/market/instruments-info", f"category={category}")["result"]["list"]
    }
    for base in ("BTC", "ETH"):
        rows = signed(exchange, "/v5/market/instruments-info", f"category=option&baseCoin={base}")["result"]["list"]
        listed |= {("option", row["symbol"]) for row in rows}
    spreads = signed(exchange, "/v5/spread/instrument")["result"]["list"]
    listed |= {("spread", row["symbol"]) for row in spreads}
    assert listed == {(row.category, row.symbol) for row in INSTRUMENTS if not row.pre_market}
    assert spreads[0]["legs"] == [
        {"symbol": "SOLUSDT", "contractType": "LinearPerpetual"},
        {"symbol": "SOLUSDT", "contractType": "Spot"},
    ]


def test_balances_that_are_set_are_pushed_and_answered_to_the_last_digit(exchange: RunningSimulator) -> None:
    [frame] = exchange.account("wallet", balances={"SOL": "0.000000000000000001"})
    assert [row["walletBalance"] for row in frame["data"][0]["coin"]] == ["0.000000000000000001"]
    [account] = signed(exchange, "/v5/account/wallet-balance", "accountType=UNIFIED&coin=SOL")["result"]["list"]
    assert account["coin"] == frame["data"][0]["coin"]
