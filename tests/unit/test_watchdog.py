"""The watchdog: a silent topic is asked for anew, then its connection is replaced; whoever could not listen blames nobody."""

from gateway.protocol.cadence import Cadence
from workers.watchdog import BLIND_S, Findings, Watchdog


class Bench:
    """Some topics that were heard at the beginning, looked at every half second."""

    def __init__(self, *names: str, floor_s: float = 10.0) -> None:
        self.watchdog = Watchdog()
        self.cadences = {name: Cadence(floor_s, learns=False) for name in names}
        self.refused: set[str] = set()
        self.now = 0.0
        for cadence in self.cadences.values():
            cadence.heard(0.0)
        self.look()

    def is_awaited(self, name: str) -> bool:
        return name not in self.refused

    def look(self, *, unread: bool = False) -> Findings:
        return self.watchdog.look(self.cadences.items(), self, self.now, unread=unread)

    def until(self, now: float, *speaking: str, unread: bool = False) -> list[tuple[float, Findings]]:
        """What was found, and when."""
        found = []
        while self.now < now:
            self.now += 0.5
            for name in speaking:
                self.cadences[name].heard(self.now)
            findings = self.look(unread=unread)
            if findings != Findings():
                found.append((self.now, findings))
        return found


def test_a_topic_that_falls_silent_is_asked_for_twice_and_then_has_its_connection_replaced_once() -> None:
    bench = Bench("dead", "well", "fine")
    found = bench.until(120.0, "well", "fine")
    told = [(round(at), findings.stalled, findings.renew, findings.dead is not None) for at, findings in found[:3]]
    assert told == [
        (10, [("dead", 10.0, 10.0)], ["dead"], False),
        (20, [], ["dead"], False),
        (30, [], [], True),
    ]
    assert all(findings.dead is None and findings.renew == ["dead"] for _, findings in found[3:]), "its neighbours are left alone"
    assert len(found) > 6, "it is asked for on and on"


def test_when_most_topics_stay_silent_the_connection_is_replaced_at_once() -> None:
    bench = Bench("a", "b", "c")
    found = bench.until(25.0, "c")
    assert [(round(at), findings.dead is not None) for at, findings in found] == [(10, False), (20, True)]


def test_a_topic_that_speaks_again_is_new() -> None:
    bench = Bench("a", "b", "c")
    bench.until(15.0, "b", "c")
    assert bench.cadences["a"].heard(bench.now)
    [(at, findings)] = bench.until(30.0, "b", "c")
    assert (round(at), len(findings.stalled)) == (25, 1)


def test_refused_topics_are_not_watched() -> None:
    bench = Bench("a", "b")
    bench.refused = {"a"}
    assert bench.until(60.0, "b") == []


def test_frames_that_wait_unread_and_a_pause_of_our_own_excuse_a_silence() -> None:
    bench = Bench("a", "b", "c")
    assert bench.until(60.0, unread=True) == []
    bench.now += 0.5
    assert bench.look() == Findings(), "what waited was not read by then"
    assert bench.until(65.0) == []
    bench.now += BLIND_S + 60.0
    assert bench.look() == Findings()
    assert bench.until(bench.now + 8.0) == []
    assert len(bench.until(bench.now + 4.0)) == 1, "and then it counts again"


def test_a_busy_stream_of_which_a_few_frames_always_wait_is_watched_all_the_same() -> None:
    bench = Bench("a", "b")
    for _ in range(15):
        bench.until(bench.now + 0.5, "b", unread=True)
        bench.until(bench.now + 0.5, "b")
    assert bench.cadences["a"].is_stalled
