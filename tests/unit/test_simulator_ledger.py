"""The ledger forgets its oldest texts by number and by size, and says so."""

from simulator.ledger import Ledger


def _written(ledger: Ledger, *texts: str) -> Ledger:
    for text in texts:
        ledger.write(1, "spot", "sent", "", text)
    return ledger


def test_the_oldest_go_when_there_are_too_many() -> None:
    ledger = _written(Ledger(kept=2), "a", "b", "c")
    assert ([entry.text for entry in ledger.read()], ledger.forgotten) == (["b", "c"], 1)


def test_the_oldest_go_when_they_are_too_long() -> None:
    ledger = _written(Ledger(characters=10), "x" * 6, "y" * 4, "z" * 5)
    assert ([entry.number for entry in ledger.read()], ledger.forgotten) == ([2, 3], 1)


def test_the_newest_stays_however_long_it_is() -> None:
    ledger = _written(Ledger(characters=10), "x", "y" * 100)
    assert ([entry.number for entry in ledger.read()], ledger.forgotten) == ([2], 1)


def test_a_judge_keeps_all() -> None:
    ledger = Ledger(kept=1, characters=1)
    ledger.keep_all()
    assert len(_written(ledger, "aa", "bb", "cc").read()) == 3
