"""Who is stuck: only whoever the guard itself has seen silent, second by second."""

from gateway.health.words import Words
from workers.progress import BLIND_S, SILENT_S, TERM_S, Progress


def look_on(progress: Progress, found: dict[str, Words], begin: float, seconds: float) -> float:
    """A look each second; when the last one was."""
    for second in range(int(seconds) + 1):
        progress.look(found, begin + second)
    return begin + int(seconds)


def words(name: str, written_ms: int = 1, pid: int = 7) -> Words:
    return Words(name, pid, written_ms)


def test_who_is_silent_for_long_enough_is_named_once_it_was_told_no_more_and_is_deaf_when_it_stays() -> None:
    progress = Progress()
    found = {"linear_00": words("linear_00")}
    now = look_on(progress, found, 0.0, SILENT_S - 1)
    assert progress.silent(now) == {}
    now = look_on(progress, found, now, 1)
    assert progress.silent(now) == found
    progress.told("linear_00", now)
    assert (progress.silent(now), progress.deaf(now)) == ({}, {})
    now = look_on(progress, found, now, TERM_S)
    assert progress.deaf(now) == found


def test_who_renews_its_words_or_is_another_process_is_not_silent() -> None:
    progress = Progress()
    for second in range(60):
        found = {"linear_00": words("linear_00", written_ms=second), "spot_00": words("spot_00", pid=second)}
        progress.look(found, float(second))
    assert progress.silent(59.0) == {}


def test_a_clock_that_is_set_makes_nobody_silent_and_hides_nobody() -> None:
    progress = Progress()
    progress.look({"linear_00": words("linear_00", written_ms=10**12)}, 0.0)
    set_back = {"linear_00": words("linear_00", written_ms=10**6)}
    now = look_on(progress, set_back, 1.0, SILENT_S)
    assert progress.silent(now) == set_back, "its age counts from when it was seen, whatever it is dated"


def test_a_guard_that_was_not_there_itself_begins_to_count_anew() -> None:
    progress = Progress()
    found = {"linear_00": words("linear_00")}
    now = look_on(progress, found, 0.0, SILENT_S - 1) + BLIND_S + 1
    progress.look(found, now)
    assert progress.silent(now) == {}
    now = look_on(progress, found, now, SILENT_S)
    assert progress.silent(now) == found


def test_a_file_that_a_process_has_left_behind_is_nobody_until_it_is_written_anew() -> None:
    progress = Progress()
    found = {"linear_01": words("linear_01")}
    now = look_on(progress, found, 0.0, SILENT_S)
    progress.gone("linear_01")
    now = look_on(progress, found, now, 2 * SILENT_S)
    assert (progress.silent(now), progress.deaf(now)) == ({}, {})
    back = {"linear_01": words("linear_01", written_ms=2)}
    now = look_on(progress, back, now + 1, SILENT_S)
    assert progress.silent(now) == back


def test_a_file_that_is_gone_is_forgotten() -> None:
    progress = Progress()
    now = look_on(progress, {"linear_01": words("linear_01")}, 0.0, SILENT_S)
    progress.look({}, now)
    assert progress.silent(now) == {}
