"""What stands on the page is what the API says, to the last digit; the five answers follow from it."""

import re

from looking import ANSWERS, UNKNOWN, Page, reading
from running import RunningGateway, wait_for

from simulator.remote import RunningSimulator


def number(text: str) -> int:
    return int(text.replace(",", ""))


def test_connections_topics_and_rates_are_those_of_the_api(page: Page, gateway: RunningGateway) -> None:
    rows = [
        gateway.subscribe("trades", "desk", symbol="BTCUSDT", category="linear"),
        gateway.subscribe("ticker", "desk", symbol="BTCUSDT", category="spot"),
        gateway.subscribe("ticker", "risk", symbol="BTCUSDT", category="spot"),
    ]
    for row in rows:
        gateway.wait_until_held(row["id"])
    wait_for(
        lambda: page.row("topics", topic="tickers.BTCUSDT", state="live"), lambda: f"a live ticker, found {page.rows('topics')}"
    )
    wait_for(lambda: page.row("topics", topic="publicTrade.BTCUSDT", worker="linear_00", services="desk"), "its service")
    ticker = wait_for(lambda: page.row("topics", topic="tickers.BTCUSDT", worker="spot_00", services="desk, risk"), "both services")
    before = number(ticker["sequence"])
    wait_for(lambda: number((page.row("topics", topic="tickers.BTCUSDT") or ticker)["sequence"]) > before, "a sequence that grows")
    told = gateway.call("GET", "/api/v1/connections")[1]["connections"]["spot_00"]["topics"]["tickers.BTCUSDT"]["sequence"]
    shown = page.row("topics", topic="tickers.BTCUSDT")
    assert shown is not None
    assert abs(number(shown["sequence"]) - told) <= 100
    assert re.fullmatch(r"\d s", shown["age"])

    def rates() -> dict[str, str]:
        return {row["name"]: row["rate"] for row in page.rows("connections")}

    wait_for(lambda: float(rates()["spot_00"].replace(UNKNOWN, "0")) > 0, lambda: f"a rate of spot_00, found {rates()}")
    connection = page.row("connections", name="spot_00")
    assert connection is not None
    known = gateway.call("GET", "/api/v1/connections")[1]["connections"]["spot_00"]
    assert (connection["state"], connection["topics"]) == ("connected", "1 of 1")
    assert connection["reconnects"] == str(known["reconnection_count"])
    assert page.looks("connections")["inverse_00"] == "idle"
    assert [row["state"] for row in page.rows("connections")][-1] == "idle", "who has no work stands last"
    assert page.one("#rate svg").get_attribute("aria-label").startswith("Events a second: now ")
    assert page.script("return document.querySelector('#rate .line0').getAttribute('d')").startswith("M")


def test_the_five_answers_of_a_gateway_at_work(page: Page, gateway: RunningGateway) -> None:
    row = gateway.subscribe("trades", "desk", symbol="ETHUSDT", category="linear")
    gateway.wait_until_held(row["id"])
    wait_for(lambda: page.answer("connected")[0] == "All 1", lambda: f"connected, found {page.answer('connected')}")
    wait_for(
        lambda: page.answer("subscribed") == ("1 topic", "1 subscription of 1 service", "good"),
        lambda: str(page.answer("subscribed")),
    )
    nobody = ("Nobody", f"in {row['queue']}", "bad")
    wait_for(
        lambda: all(part in found for part, found in zip(nobody, page.answer("read"), strict=True)),
        lambda: f"nobody reads, found {page.answer('read')}",
        30.0,
    )
    assert page.looks("queues")[row["queue"]] == "warn"
    with reading(gateway.broker_url, row["queue"]):
        wait_for(lambda: page.answer("read")[0::2] == ("All 1 queue", "good"), lambda: f"read, found {page.answer('read')}", 30.0)
        shown = page.row("queues", name=row["queue"])
        assert shown is not None
        assert (shown["kind"], shown["consumers"]) == ("service", "1")
    assert page.text("#status") == "healthy"
    assert page.text("#trouble .reasons") == ""
    assert [name for name in ANSWERS if not page.answer(name)[0]] == []


def test_trouble_is_said_first_in_the_gateways_own_sentences_and_is_over_when_it_is(
    page: Page, gateway: RunningGateway, exchange: RunningSimulator
) -> None:
    row = gateway.subscribe("orderbook", "desk", symbol="BTCUSD", category="inverse")
    gateway.wait_until_held(row["id"])
    wait_for(lambda: page.answer("connected")[0] == "All 1", "all connected")
    exchange.refuse("inverse", on=True)
    try:
        exchange.cut("inverse", "1001")
        see_it_away(page, gateway, row["topic"])
    finally:
        exchange.refuse("inverse", on=False)
    wait_for(lambda: page.answer("connected")[0::2] == ("All 1", "good"), lambda: f"back, found {page.answer('connected')}", 30.0)
    page.ask_again()
    wait_for(lambda: not page.text("#trouble .reasons"), "no trouble shown")
    wait_for(lambda: not page.row("gaps", lasted="open"), "no open gap")
    told = [event["kind"] for event in gateway.call("GET", "/api/v1/events?limit=15")[1]["events"]]
    wait_for(
        lambda: [row["kind"].split()[0] for row in page.rows("occurrences")][: len(told)] == told,
        lambda: f"{told}, found {page.rows('occurrences')}",
    )


def see_it_away(page: Page, gateway: RunningGateway, topic: str) -> None:
    """What stands on the page while the connection of inverse is kept out."""
    wait_for(lambda: page.answer("connected")[0::2] == ("0 of 1", "warn"), lambda: f"away, found {page.answer('connected')}")
    assert page.text("#status") == "degraded"
    [reason] = gateway.health()["reasons"]
    assert reason.startswith("inverse_00 has been ")
    assert page.text("#trouble .reasons").startswith("inverse_00 has been ")
    wait_for(lambda: page.answer("lost")[1].startswith("1 open"), lambda: f"an open gap, found {page.answer('lost')}")
    assert page.answer("lost")[2] == "bad"
    assert page.rows("connections")[0]["name"] == "inverse_00", "trouble stands first"
    gap = wait_for(lambda: page.row("gaps", lasted="open"), "the gap among the others")
    assert gap == page.rows("gaps")[0]
    assert gap["what"].startswith("disconnected")
    assert "all of inverse_00" in gap["what"]
    assert gap["verdict"] == "not over"
    assert page.looks("topics")[topic] == "warn"


def test_a_topic_that_nobody_holds_any_more_is_shown_as_such(page: Page, gateway: RunningGateway) -> None:
    row = gateway.subscribe("ticker", "desk", symbol="BTCUSD", category="inverse")
    gateway.wait_until_held(row["id"])
    wait_for(lambda: page.row("topics", topic=row["topic"], state="live"), "a live ticker")
    gateway.control("stop", "inverse:inverse_00")
    try:
        wait_for(lambda: page.looks("topics").get(row["topic"]) == "warn", lambda: f"not held, found {page.rows('topics')}")
        wait_for(lambda: page.answer("subscribed")[2] == "warn", lambda: f"trouble, found {page.answer('subscribed')}")
        wait_for(lambda: page.row("connections", name="inverse_00", state="silent"), "a silent process", 30.0)
    finally:
        gateway.control("start", "inverse:inverse_00")
    wait_for(lambda: page.row("topics", topic=row["topic"], state="live"), "a live ticker again", 40.0)
    assert page.answer("subscribed")[2] == "good"


def test_balances_are_shown_to_the_last_digit(page: Page, gateway: RunningGateway, exchange: RunningSimulator) -> None:
    gateway.wait_until_held(gateway.subscribe("balance", "treasury")["id"])
    sent = {coin["coin"]: coin["walletBalance"] for coin in exchange.account("wallet")[0]["data"][0]["coin"]}
    wait_for(lambda: len(page.rows("balances")) == len(sent), lambda: f"{sent}, found {page.rows('balances')}")
    told = gateway.call("GET", "/api/v1/balances")[1]["balances"]
    for row in told:
        shown = page.row("balances", coin=row["coin"])
        assert shown is not None
        for column in ("wallet_balance", "available_balance", "frozen", "usd_value"):
            assert shown[column] == (row[column] if row[column] is not None else UNKNOWN)
    assert {row["coin"]: row["wallet_balance"] for row in page.rows("balances")} == sent


def test_latency_uptime_and_queues_are_those_of_metrics(page: Page, gateway: RunningGateway) -> None:
    row = gateway.subscribe("trades", "desk", symbol="BTCUSDT", category="linear")
    gateway.wait_until_held(row["id"])
    timed = re.compile(r"([\d.,]+) (?:ms|s) 99 % from socket to broker; from the exchange [\d.,]+ m?s (?:good|warn)")
    wait_for(lambda: timed.fullmatch(" ".join(page.answer("late"))), lambda: f"latencies, found {page.answer('late')}", 30.0)
    assert float(timed.fullmatch(" ".join(page.answer("late")))[1].replace(",", "")) > 0
    assert page.text("#delivery .now").startswith("99 % ")
    wait_for(lambda: "L" in page.script("return document.querySelector('#delivery .line0').getAttribute('d')"), "a line", 30.0)
    wait_for(lambda: re.fullmatch(r"(100|\d\d\.\d\d) %", (page.row("connections", name="linear_00") or {})["ratio"]), "an uptime")
    wait_for(
        lambda: (page.row("queues", name=row["queue"]) or {"fill": UNKNOWN})["fill"].endswith(" %"), "how full the queue is", 30.0
    )


def test_where_metrics_do_not_answer_latency_is_said_to_be_not_known(page: Page) -> None:
    page.block("*/metrics")
    page.ask_again()
    why = "Latency is not known: the API cannot be reached."
    wait_for(lambda: page.answer("late") == ("Not known", why, "unknown"), lambda: f"not known, found {page.answer('late')}", 30.0)
    assert page.text("#delivery .why") == page.text("#lag .why") == why
    assert page.text("#delivery .now") == "not known"
    assert not page.one("#delivery svg").is_displayed() or page.one("#delivery svg").value_of_css_property("visibility") == "hidden"
