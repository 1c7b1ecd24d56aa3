"""Agenda, faults, scenarios and scripts of the simulated exchange, under an explicit clock."""

from itertools import islice
from pathlib import Path

import pytest

from simulator import scenarios
from simulator.agenda import Agenda
from simulator.choices import WORDS, Choices, chosen
from simulator.durations import active_ms
from simulator.exchange import Exchange, Options
from simulator.faults import KINDS, BadFault, Fault, Faults, checked
from simulator.scenarios import BAD_LUCK, SCENARIOS, BadScript


def test_agenda_does_what_is_due_in_the_order_of_its_time() -> None:
    agenda, done = Agenda(), []
    for due in (30, 10, 20, 10):
        agenda.at(due, lambda due=due: done.append(due))  # type: ignore[misc]
    assert agenda.next_ms == 10
    agenda.run(20)
    assert (done, agenda.next_ms) == ([10, 10, 20], 30)


def test_agenda_repeats_and_makes_up_for_a_long_sleep_only_once() -> None:
    agenda, done = Agenda(), []
    agenda.every(1.0, lambda: done.append(1), now_ms=0)
    for now_ms in (500, 1000, 1500, 2000):
        agenda.run(now_ms)
    assert len(done) == 2
    agenda.run(60_000)
    assert len(done) <= 5


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(kind="earthquake"), "found the fault 'earthquake'"),
        (Fault(kind="cut", how="softly"), "found how 'softly' of cut; expected one of abort, 1000"),
        (Fault(kind="rate", how="fast"), "found how 'fast' of rate; expected none"),
        (Fault(kind="cut", endpoint="moon"), "found endpoint 'moon'"),
        (Fault(kind="answer", op="sing"), "found op 'sing'"),
        (Fault(kind="rate", amount=1e9), "expected at most 100000"),
        (Fault(kind="rate", amount=float("nan")), "expected at most 100000"),
        (Fault(kind="refuse", seconds=-1), "expected none below 0"),
    ],
)
def test_a_fault_that_there_is_not_is_one_sentence(fault: Fault, words: str) -> None:
    with pytest.raises(BadFault, match=words):
        checked(fault)


def test_a_fault_stands_for_its_time_or_its_hits_or_until_it_is_lifted() -> None:
    faults = Faults()
    faults.add(Fault(kind="drop", seconds=2, topic="order*"), 0)
    faults.add(Fault(kind="login", how="refuse", times=2), 0)
    number = faults.add(Fault(kind="clock", amount=500.0), 0)
    assert faults.hit("drop", 1999, endpoint="private", topic="order.linear")
    assert not faults.hit("drop", 1999, endpoint="private", topic="wallet")
    assert not faults.hit("drop", 2000, endpoint="private", topic="order")
    assert [bool(faults.hit("login", 1, endpoint="private")) for _ in range(3)] == [True, True, False]
    assert faults.amount("clock", 10**9, 0.0) == 500.0
    assert (faults.lift(number), faults.lift(number), faults.standing(10**9)) == (1, 0, [])


def test_every_kind_of_bad_luck_is_a_fault_and_the_bad_day_brings_all_of_them() -> None:
    bad = set(KINDS) - {"phase"}
    assert {luck.kind for luck in BAD_LUCK} == bad
    timeline = SCENARIOS["bad-day"].timeline
    assert timeline is not None
    steps = list(islice(timeline(7), 2000))
    assert {step.kind for step in steps} == bad
    assert all(checked(step) for step in steps)
    assert [step.at_s for step in steps] == sorted(step.at_s for step in steps)
    assert steps == list(islice(timeline(7), 2000))
    assert steps != list(islice(timeline(8), 2000))


def test_outages_come_every_minute_and_each_is_over_before_the_next() -> None:
    timeline = SCENARIOS["outages"].timeline
    assert timeline is not None
    steps = list(islice(timeline(1), 50))
    assert {step.at_s % 60 for step in steps} == {0.0}
    assert all(step.seconds < 60 for step in steps)


def test_a_script_is_followed_to_the_second_and_repeats(tmp_path: Path) -> None:
    path = tmp_path / "script.toml"
    path.write_text(
        '[[fault]]\nkind = "clock"\namount = 5\nat_s = 2\n[[fault]]\nkind = "rate"\namount = 3\nseconds = 1\nat_s = 1\nevery_s = 10\n'
    )
    now_ms = [0]
    exchange = Exchange(Options(), lambda: now_ms[0] * 1_000_000)
    scenarios.follow(exchange, scenarios.script(path)(1))
    seen = {}
    for now_ms[0] in range(0, 22_000, 500):
        exchange.tick()
        seen[now_ms[0]] = sorted(entry.fault.kind for entry in exchange.faults.standing(now_ms[0]))
    assert (seen[500], seen[1000], seen[2000], seen[10_500]) == ([], ["rate"], ["clock"], ["clock"])
    assert (seen[11_000], seen[12_500], seen[21_000]) == (["clock", "rate"], ["clock"], ["clock", "rate"])


@pytest.mark.parametrize(
    "text",
    [
        "[[fault]",
        '[[fault]]\nkind = "earthquake"',
        '[[fault]]\nkind = "cut"\nwhen = 3',
        "[[faults]]\n",
        "[[fault]]\nkind = 3",
        *(
            f'[[fault]]\nkind = "cut"\n{time}'
            for time in ("at_s = inf", "at_s = nan", "at_s = -1", "every_s = 1e-5", "every_s = -5")
        ),
    ],
)
def test_a_script_that_cannot_be_used_is_one_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "script.toml"
    path.write_text(text)
    with pytest.raises(BadScript, match=r"the script .*script\.toml cannot be used: \S"):
        scenarios.script(path)


def test_choices_are_checked_and_each_default_is_one_of_its_words() -> None:
    assert all(getattr(Choices(), name) == words[0] for name, words in WORDS.items())
    assert chosen({"second_login": "refuse", "no_login_words": "error:needs auth first"}).second_login == "refuse"
    with pytest.raises(ValueError, match="found the choice 'mood'"):
        chosen({"mood": "good"})
    with pytest.raises(ValueError, match="found second_login='maybe'; expected one of accept, refuse"):
        chosen({"second_login": "maybe"})


@pytest.mark.parametrize("name", ["no_login_words", "too_large_words", "unreadable_words"])
def test_a_refusal_has_words(name: str) -> None:
    with pytest.raises(ValueError, match=f"found no words for {name}"):
        chosen({name: ""})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30s", 30_000),
        ("45s", 45_000),
        ("600s", 600_000),
        ("1m", 60_000),
        ("10m", 600_000),
        ("29s", None),
        ("601s", None),
        ("", None),
        ("1h", None),
    ],
)
def test_max_active_time_is_taken_within_its_bounds(text: str, expected: int | None) -> None:
    assert active_ms(text) == expected
