"""`python -m bench.ratios` runs these and compares; alone: `pytest -c bench/micro/pytest.ini bench/micro`."""

from pathlib import Path
from typing import Any

import msgspec

from bench.micro import stages

ROUNDS, WARM = 60, 5


def measure(benchmark: Any, stage: Any, *given: Any) -> None:
    benchmark.pedantic(stage, args=given, rounds=ROUNDS, warmup_rounds=WARM)


def _reference(texts: list[bytes]) -> None:
    for text in texts:
        msgspec.json.decode(text)


def test_reference(benchmark: Any) -> None:
    """One untyped decode of each frame: what all others are told in."""
    measure(benchmark, _reference, stages.texts("trades"))


def test_read(benchmark: Any, tmp_path: Path) -> None:
    with stages.reading(tmp_path) as (send, receive):
        benchmark.pedantic(receive, setup=send, rounds=20, warmup_rounds=2)


def test_decode(benchmark: Any) -> None:
    measure(benchmark, stages.decode, stages.texts("trades"))


def test_normalise(benchmark: Any) -> None:
    measure(benchmark, stages.normaliser("trades"), stages.decoded("trades"))


def test_encode(benchmark: Any) -> None:
    events = stages.normaliser("trades")(stages.decoded("trades"))
    assert len(events) == stages.FRAMES
    measure(benchmark, stages.encode, stages.stamp(), events)


def test_bus(benchmark: Any, tmp_path: Path) -> None:
    records = stages.encode(stages.stamp(), stages.normaliser("trades")(stages.decoded("trades")))
    with stages.bus(tmp_path) as carry:
        measure(benchmark, carry, records)


def test_publish(benchmark: Any) -> None:
    records = stages.encode(stages.stamp(), stages.normaliser("trades")(stages.decoded("trades")))
    with stages.publishing() as publish:
        measure(benchmark, publish, records)


def test_book_reference(benchmark: Any) -> None:
    measure(benchmark, _reference, stages.texts("books"))


def test_book(benchmark: Any) -> None:
    """Decoding, normalising and encoding of a delta with 20 levels a side."""
    measure(benchmark, stages.whole("books"), stages.texts("books"))
