"""The arithmetic of the page: rates, latencies, numbers and ages, in the browser that does it."""

import pytest
from looking import UNKNOWN, Page

TEXT = """# HELP ws_gateway_delivery_seconds x
ws_gateway_delivery_seconds_bucket{event_type="trade",le="0.01"} 90
ws_gateway_delivery_seconds_bucket{event_type="trade",le="0.1"} 99
ws_gateway_delivery_seconds_bucket{event_type="trade",le="+Inf"} 100
ws_gateway_delivery_seconds_bucket{le="0.01",event_type="kline"} 10
ws_gateway_delivery_seconds_bucket{le="0.1",event_type="kline"} 10
ws_gateway_delivery_seconds_bucket{le="+Inf",event_type="kline"} 10
ws_gateway_delivery_seconds_bucket_count{event_type="trade"} 100
ws_gateway_queue_oldest_seconds{queue="a \\"quoted\\" }queue"} 12.5
"""


def test_a_histogram_is_summed_over_its_series(page: Page) -> None:
    found = page.module("samples", "m.histogram(given[0], 'ws_gateway_delivery_seconds').map(([le, n]) => [String(le), n])", TEXT)
    assert found == [["0.01", 100], ["0.1", 109], ["Infinity", 110]]
    assert page.module("samples", "m.histogram(given[0], 'ws_gateway_other')", TEXT) is None
    assert page.module("samples", "[...m.samples(given[0], 'ws_gateway_queue_oldest_seconds', 'queue')]", TEXT) == [
        ['a "quoted" }queue', 12.5]
    ]


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


@pytest.mark.parametrize(
    ("call", "look", "answer"),
    [
        ("m.late(0.004, 0.02, '')", "good", "4.0 ms"),
        ("m.late(0.2, 0.02, '')", "warn", "200 ms"),
        ("m.late(2, 0.02, '')", "bad", "2.0 s"),
        ("m.late(null, null, '')", "idle", "Nothing to time"),
        ("m.late(0.004, 0.02, 'why')", "unknown", "Not known"),
        ("m.lost([], 0, {a: {dropped: 0}})", "good", "Nothing known"),
        ("m.lost([], 0, {a: {dropped: 3}})", "warn", "3 events"),
        ("m.lost([{to: 'x', recovered: true}], 1, {})", "good", "Nothing known"),
        ("m.lost([{to: 'x', recovered: false}, {to: 'x', recovered: null}], 2, {})", "warn", "2 gaps"),
        ("m.lost([{to: null, recovered: null}], 1, {})", "bad", "1 gap"),
        ("m.read({queue_connected: true, queues: {'ws-gateway.trade': {messages: 5, consumers: 0}}}, null)", "idle", "No queues"),
        ("m.read({queue_connected: true, queues: {'ws-gateway.trade.a': {messages: 5, consumers: 0}}}, null)", "bad", "Nobody"),
        (
            "m.read({queue_connected: true, queues: {'ws-gateway.trade.a': {messages: 5, consumers: 0}}}, new Set())",
            "idle",
            "No queues",
        ),
        ("m.read({queue_connected: false, queues: {}}, null)", "unknown", "Not known"),
    ],
)
def test_the_answers_at_the_top_follow_from_what_is_known(page: Page, call: str, look: str, answer: str) -> None:
    found = page.module("verdicts", call)
    assert (found["look"], found["answer"]) == (look, answer)
