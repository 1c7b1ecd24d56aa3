"""How often the exchange may be asked, to the millisecond."""

from hypothesis import given
from hypothesis import strategies as st

from simulator.limits import ConnectBudget, RestLimits, Window

NOW = 1_795_000_000_000


def test_address_that_asks_too_often_is_kept_out_for_ten_minutes_and_asking_on_changes_nothing() -> None:
    limits = RestLimits()
    assert all(limits.admit("a", NOW + number) for number in range(600))
    assert not limits.admit("a", NOW + 4_999)
    assert limits.admit("b", NOW + 4_999)
    assert not limits.admit("a", NOW + 300_000)
    assert not limits.admit("a", NOW + 4_999 + 599_999)
    assert limits.admit("a", NOW + 4_999 + 600_000)


def test_window_slides() -> None:
    limits = RestLimits(per_address=3, window_ms=5_000, ban_s=1.0)
    assert [limits.admit("a", NOW + at) for at in (0, 4_000, 4_999, 5_000, 5_001)] == [True, True, True, True, False]
    assert limits.admit("a", NOW + 6_001)


def test_call_of_a_uid_says_how_many_are_left_and_when_the_next_is_allowed() -> None:
    limits = RestLimits()
    path = "/v5/account/fee-rate"
    calls = [limits.call("1", path, NOW + at) for at in (0, 100, 200, 300, 400, 500)]
    assert [(call.ok, call.left) for call in calls] == [(True, 4), (True, 3), (True, 2), (True, 1), (True, 0), (False, 0)]
    assert calls[-1].headers() == {
        "X-Bapi-Limit": "5",
        "X-Bapi-Limit-Status": "0",
        "X-Bapi-Limit-Reset-Timestamp": str(NOW + 1_000),
    }
    assert limits.call("1", path, NOW + 1_000).ok
    assert limits.call("1", "/v5/order/realtime", NOW + 500).most == 50
    assert limits.call("2", path, NOW + 500).ok


def test_five_hundred_connections_in_any_five_minutes() -> None:
    budget = ConnectBudget()
    assert all(budget.allow(NOW + number) for number in range(500))
    assert not budget.allow(NOW + 299_999)
    assert budget.allow(NOW + 300_000)
    assert not budget.allow(NOW + 300_000)
    assert ConnectBudget(most=1, window_s=0.5).allow(NOW)


@given(most=st.integers(1, 5), span=st.integers(1, 50), steps=st.lists(st.integers(0, 20), max_size=60))
def test_no_span_ever_holds_more_than_allowed_and_nothing_is_refused_without_need(most: int, span: int, steps: list[int]) -> None:
    window, now_ms, allowed = Window(most, span), 0, []
    for step in steps:
        now_ms += step
        recent = [at for at in allowed if at > now_ms - span]
        assert window.left(now_ms) == most - len(recent)
        ok = window.allow(now_ms)
        assert ok == (len(recent) < most)
        if ok:
            allowed.append(now_ms)
