"""A worker: which topics of its endpoint are its own."""

from workers.slots import owner


def test_a_topic_belongs_to_exactly_one_process() -> None:
    topics = [f"publicTrade.T{number}" for number in range(1000)]
    for processes in (1, 2, 5):
        counts = [sum(owner(topic, processes) == number for topic in topics) for number in range(processes)]
        assert sum(counts) == 1000
        assert min(counts) > 1000 / processes * 0.7
    assert owner("publicTrade.BTCUSDT", 7) == owner("publicTrade.BTCUSDT", 7)
