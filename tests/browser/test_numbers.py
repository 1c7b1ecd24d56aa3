"""The arithmetic of the page: rates, latencies, numbers and ages, in the browser that does it."""

import json
from collections.abc import Iterator

import pytest
from looking import UNKNOWN, Page, tab_of
from running import RunningGateway
from selenium.webdriver import Chrome

TEXT = """# HELP ws_gateway_delivery_seconds x
ws_gateway_delivery_seconds_bucket{event_type="trade",le="0.01"} 90
ws_gateway_delivery_seconds_bucket{event_type="trade",le="0.1"} 99
ws_gateway_delivery_seconds_bucket{event_type="trade",le="+Inf"} 100
ws_gateway_delivery_seconds_bucket{le="0.01",event_type="kline"} 10
ws_gateway_delivery_seconds_bucket{le="0.1",event_type="kline"} 10
ws_gateway_delivery_seconds_bucket{le="+Inf",event_type="kline"} 10
ws_gateway_delivery_seconds_bucket_count{event_type="trade"} 100
ws_gateway_queue_oldest_seconds{queue="a \\"quoted\\" }queue"} 12.5
ws_gateway_dropped_total{worker="linear_00",reason="overflow"} 2
ws_gateway_dropped_total{worker="linear_00",reason="unreadable"} 1
ws_gateway_dropped_total{worker="spot_00",reason="overflow"} 4
"""
#: Nothing waits for RabbitMQ, which is there.
CALM = "{waiting: {age: 0, onDisk: 0}, isThere: true, why: ''}"


@pytest.fixture(scope="module")
def page(browser: Chrome, gateway: RunningGateway) -> Iterator[Page]:
    """The page without a key: its modules need no data."""
    with tab_of(browser, gateway) as found:
        yield found.open(key="")


def test_a_histogram_is_summed_over_its_series(page: Page) -> None:
    found = page.module("samples", "m.histogram(given[0], 'ws_gateway_delivery_seconds').map(([le, n]) => [String(le), n])", TEXT)
    assert found == [["0.01", 100], ["0.1", 109], ["Infinity", 110]]
    assert page.module("samples", "m.histogram(given[0], 'ws_gateway_other')", TEXT) is None
    assert page.module("samples", "[...m.samples(given[0], 'ws_gateway_queue_oldest_seconds', 'queue')]", TEXT) == [
        ['a "quoted" }queue', 12.5]
    ]


def test_samples_are_summed_over_the_labels_that_nobody_asks_for(page: Page) -> None:
    by_worker = "[...m.samples(given[0], 'ws_gateway_dropped_total', 'worker')]"
    assert page.module("samples", by_worker, TEXT) == [["linear_00", 3], ["spot_00", 4]]
    assert page.module("samples", "m.sum(given[0], 'ws_gateway_dropped_total')", TEXT) == 7
    assert page.module("samples", "m.sum(given[0], 'ws_gateway_other')", TEXT) == 0


@pytest.mark.parametrize(
    ("counted", "share", "expected"),
    [
        ([[0.01, 100], [0.1, 100]], 0.5, 0.005),
        ([[0.01, 90], [0.1, 100]], 0.99, 0.091),
        ([[0.01, 0], [0.1, 0]], 0.99, None),
        ([[0.01, 5], [0.1, 5], [None, 10]], 0.99, 0.1),
    ],
)
def test_a_quantile_lies_in_its_bucket(page: Page, counted: list[list[float]], share: float, expected: float | None) -> None:
    found = page.module("latency", "m.quantile(given[0].map(([le, n]) => [le ?? Infinity, n]), given[1])", counted, share)
    assert found == (pytest.approx(expected) if expected is not None else None)


def test_what_is_counted_is_what_came_between_two_looks(page: Page) -> None:
    assert page.module("latency", "m.between(given[0], given[1])", [[1, 5], [2, 8]], [[1, 7], [2, 11]]) == [[1, 2], [2, 3]]
    for before, after in ((None, [[1, 7]]), ([[1, 7]], None), ([[1, 7]], [[1, 3]])):
        assert page.module("latency", "m.between(given[0], given[1])", before, after) is None


def test_a_rate_is_known_only_between_two_words_of_the_same_process(page: Page) -> None:
    def state(second: int, events: int, pid: int = 1) -> dict[str, object]:
        return {"last_heartbeat_at": f"2026-01-31T12:00:{second:02d}.500Z", "events": events, "pid": pid}

    before = {"a": state(1, 100), "b": state(1, 100), "c": state(1, 100), "d": state(1, 100)}
    after = {"a": state(3, 150), "b": state(1, 100), "c": state(3, 150, pid=2), "d": state(3, 50), "e": state(3, 5)}
    assert page.module("rates", "m.rates(given[0], given[1])", before, after) == {
        "a": 25,
        "b": None,
        "c": None,
        "d": None,
        "e": None,
    }
    assert page.module("rates", "[m.total({a: 2, b: null, c: 3}), m.total({a: null})]") == [5, None]


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("m.count(1234567)", "1,234,567"),
        ("m.count(null)", UNKNOWN),
        ("m.rate(0)", "0"),
        ("m.rate(12.34)", "12.3"),
        ("m.rate(1234.5)", "1,235"),
        ("m.span(59.9)", "59 s"),
        ("m.span(61)", "1 min 1 s"),
        ("m.span(7_260)", "2 h 1 min"),
        ("m.span(200_000)", "2 d 7 h"),
        ("m.span(undefined)", UNKNOWN),
        ("m.latency(0.0042)", "4.2 ms"),
        ("m.latency(0.25)", "250 ms"),
        ("m.latency(1.25)", "1.3 s"),
        ("m.percent(0.99999)", "99.99 %"),
        ("m.percent(1)", "100 %"),
        ("m.moment('2026-01-31T12:00:00Z', new Date('2026-02-01T00:00:00'))", "31 Jan 12:00:00"),
        ("m.moment('never')", "never"),
    ],
)
def test_numbers_are_written_as_a_person_reads_them(page: Page, call: str, expected: str) -> None:
    page.driver.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": "UTC"})
    assert page.module("words", call) == expected


def queues(**consumers: int) -> str:
    """Health with a service's queue for each name, in which five messages wait, and so many read; and a class queue that nobody reads."""
    own = {f"ws-gateway.trade.{name}": {"messages": 5, "consumers": count, "kind": "service"} for name, count in consumers.items()}
    nobodys = {"ws-gateway.trade": {"messages": 9, "consumers": 0, "kind": "class"}}
    return json.dumps({"queue_connected": True, "queues": {**own, **nobodys}})


@pytest.mark.parametrize(
    ("call", "look", "answer"),
    [
        (f"m.late(0.004, 0.02, {CALM})", "good", "4.0 ms"),
        (f"m.late(0.2, 0.02, {CALM})", "warn", "200 ms"),
        (f"m.late(2, 0.02, {CALM})", "bad", "2.0 s"),
        (f"m.late(null, null, {CALM})", "idle", "Nothing to time"),
        (f"m.late(0.004, 0.02, {{...{CALM}, why: 'why'}})", "unknown", "Not known"),
        ("m.lost([], 0, 0)", "good", "Nothing known"),
        ("m.lost([], 0, 3)", "warn", "3 events"),
        ("m.lost([{to: 'x', recovered: true}], 1, 0)", "good", "Nothing known"),
        ("m.lost([{to: 'x', recovered: false}, {to: 'x', recovered: null}], 2, 0)", "warn", "2 gaps"),
        ("m.lost([{to: null, recovered: null}], 1, 0)", "bad", "1 gap"),
        (f"m.read({queues()})", "idle", "No queues"),
        (f"m.read({queues(desk=0)})", "bad", "Nobody"),
        (f"m.read({queues(desk=0, risk=1)})", "warn", "1 of 2 queues"),
        (f"m.read({queues(desk=2, risk=1)})", "good", "All 2 queues"),
        ("m.read({queue_connected: false, queues: {}})", "unknown", "Not known"),
    ],
)
def test_the_answers_at_the_top_follow_from_what_is_known(page: Page, call: str, look: str, answer: str) -> None:
    found = page.module("verdicts", call)
    assert (found["look"], found["answer"]) == (look, answer)


@pytest.mark.parametrize(
    ("age_s", "is_there", "look", "answer"),
    [
        (4.9, True, "idle", "Nothing to time"),
        (5.1, True, "bad", "5.1 s"),
        (90, True, "bad", "1 min 30 s"),
        (0.4, False, "warn", "400 ms"),
        (90, False, "bad", "1 min 30 s"),
        (0, False, "unknown", "Not known"),
    ],
)
def test_what_waits_for_rabbitmq_is_late_though_nothing_is_confirmed(
    page: Page, age_s: float, is_there: bool, look: str, answer: str
) -> None:
    given = {"waiting": {"age": age_s, "onDisk": 12}, "isThere": is_there, "why": ""}
    found = page.module("verdicts", "m.late(null, null, given[0])", given)
    assert (found["look"], found["answer"]) == (look, answer)
    assert page.module("verdicts", "m.late(0.004, 0.02, given[0])", given)["answer"] == "4.0 ms", "what is delivered is timed"
    if look in ("warn", "bad"):
        assert found["detail"] == "the oldest event has waited so long for RabbitMQ, which confirms nothing; 12 wait on disk"
        assert page.module("verdicts", "m.late(null, null, given[0])", {**given, "why": "no histogram yet"}) == found


def test_drops_are_said_to_be_since_counting_began_and_gaps_to_be_of_24_hours(page: Page) -> None:
    gap = {"to": "x", "recovered": False}
    found = page.module("verdicts", "[m.lost([], 0, 3), m.lost([given[0]], 1, 3)].map((each) => each.detail)", gap)
    since = "3 events dropped since counting began"
    assert found == [f"no gap in 24 hours; {since}", f"1 not made good; in 24 hours; {since}"]


@pytest.mark.parametrize(
    ("topic", "subscription", "look", "detail"),
    [
        ("live", "live", "good", "7,000 subscriptions, of which the oldest 1 are looked at, those of 1 service"),
        ("live", "refused", "warn", "1 refused; 7,000 subscriptions, of which the oldest 1 are looked at, those of 1 service"),
        ("stalled", "live", "warn", "1 stalled; 7,000 subscriptions, of which the oldest 1 are looked at, those of 1 service"),
    ],
)
def test_a_list_of_subscriptions_that_is_cut_is_not_counted_as_all_of_them(
    page: Page, topic: str, subscription: str, look: str, detail: str
) -> None:
    rows = [{"requesting_service": "desk", "state": subscription}]
    found = page.module("verdicts", "m.subscribed({}, given[0], {rows: given[1], total: 7000})", [{"state": topic}], rows)
    assert (found["look"], found["answer"], found["detail"]) == (look, "1 topic", detail)


@pytest.mark.parametrize(
    ("kind", "queue", "look"),
    [
        ("class", {"level": 0, "fill": 1}, "idle"),
        ("class", {"level": 0.8, "fill": 0.72}, "warn"),
        ("class", {"level": 0.95, "consumers": 1}, "bad"),
        ("service", {"level": 0.8, "consumers": 1}, "warn"),
        ("service", {"level": 1, "consumers": 1}, "bad"),
        ("service", {"level": 0, "fill": 0.79, "consumers": 1}, "good"),
        ("service", {}, "warn"),
        ("service", {"messages": 0}, "idle"),
    ],
)
def test_a_queue_is_in_trouble_by_its_alarm_and_not_by_how_full_it_is(
    page: Page, kind: str, queue: dict[str, float], look: str
) -> None:
    row = {"kind": kind, "messages": 5, "consumers": 0, "level": 0, **queue}
    assert page.module("queues", "m.queueLook(given[0])", row) == look
