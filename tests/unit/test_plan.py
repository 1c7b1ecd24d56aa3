"""The plan between who reads wishes and who publishes: what is newest, what is in force, and what is remembered."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import pytest

from gateway.disk.memo import Memo
from gateway.errors import SinkAway
from workers.plan import BrokerPlan

ONE, TWO = "ws-gateway.trade.one", "ws-gateway.trade.two"
BTC, ETH = "trade.linear.BTCUSDT.-", "trade.linear.ETHUSDT.-"


class Bindings:
    """What would be done at the broker. is_away: it cannot be asked."""

    def __init__(self) -> None:
        self.done: list[tuple[str, str, list[str]]] = []
        self.is_away = False

    def __enter__(self) -> "Bindings":
        if self.is_away:
            raise SinkAway("away")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        return

    def bind_service(self, queue: str, bindings: Sequence[str], *, batched: bool = False) -> None:
        self.done.append((f"made {batched}", queue, list(bindings)))

    def unbind_service(self, queue: str, bindings: Sequence[str]) -> None:
        if bindings:
            self.done.append(("unbound", queue, list(bindings)))


def plan_of(bindings: Bindings, memo: Memo[dict[str, list[str]]] | None = None) -> BrokerPlan:
    return BrokerPlan((), lambda: bindings, memo)  # type: ignore[arg-type,return-value]


def test_what_changes_no_queue_s_form_costs_the_broker_nothing_and_wakes_the_keeper() -> None:
    plan = plan_of(bindings := Bindings())
    plan.read({ONE: [BTC]}, {})
    plan.put_in_force(plan.newest)
    assert plan.calm()
    assert not plan.calm()
    plan.read({ONE: [BTC, ETH], TWO: []}, {TWO: [BTC]})
    assert (plan.turning, plan.form(TWO)) == (frozenset(), None)
    plan.put_in_force(plan.newest)
    assert bindings.done == []
    assert (plan.form(ONE), plan.form(TWO)) == ("single", "batch")


def test_a_queue_that_turns_to_batches_loses_all_bindings_that_it_may_have() -> None:
    plan = plan_of(bindings := Bindings())
    plan.read({ONE: [BTC]}, {})
    plan.put_in_force(plan.newest)
    plan.read({ONE: []}, {ONE: [ETH]})
    assert (plan.turning, plan.form(ONE)) == ({ONE}, "single")
    plan.put_in_force(plan.newest)
    assert bindings.done == [("made True", ONE, []), ("unbound", ONE, [BTC, ETH])]
    assert plan.turning == frozenset()


def test_a_queue_that_turns_from_batches_is_bound() -> None:
    plan = plan_of(bindings := Bindings())
    plan.read({ONE: []}, {ONE: [BTC]})
    plan.put_in_force(plan.newest)
    plan.read({ONE: [BTC]}, {})
    plan.put_in_force(plan.newest)
    assert bindings.done == [("made False", ONE, [BTC])]


def test_what_the_broker_did_not_take_is_not_in_force() -> None:
    plan = plan_of(bindings := Bindings())
    plan.read({ONE: []}, {ONE: [BTC]})
    plan.put_in_force(plan.newest)
    before = plan.in_force
    plan.read({ONE: [BTC]}, {})
    bindings.is_away = True
    with pytest.raises(SinkAway):
        plan.put_in_force(plan.newest)
    assert plan.in_force is before


def test_the_same_read_again_is_no_news() -> None:
    plan, news = plan_of(Bindings()), list[None]()
    plan.on_news = lambda: news.append(None)
    for _ in range(3):
        plan.read({ONE: []}, {ONE: [BTC]})
    assert len(news) == 1


def test_a_wish_waits_only_where_batches_are_about() -> None:
    plan = plan_of(Bindings())
    plan.read({ONE: [BTC]}, {})
    assert plan.known(ONE) is None
    plan.read({ONE: [BTC], TWO: []}, {TWO: [ETH]})
    assert plan.known(ONE) == plan.known(TWO) == frozenset()
    plan.put_in_force(plan.newest)
    assert (plan.known(ONE), plan.known(TWO)) == ({BTC}, {ETH})


def test_the_queues_of_batches_are_remembered_until_somebody_reads_again(tmp_path: Path) -> None:
    memo = Memo(tmp_path / "batches.json", dict[str, list[str]])
    plan_of(Bindings(), memo).read({ONE: []}, {ONE: [BTC]})
    next_run = plan_of(Bindings(), memo)
    assert next_run.newest.batched == {ONE: [BTC]}
    next_run.read({}, {})
    assert plan_of(Bindings(), memo).newest.batched == {}
