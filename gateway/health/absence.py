"""Absence: since when nobody did a process's work, from its last words. Pure."""

from collections.abc import Iterable

from gateway.health.words import Absence, WorkerState


def newest_run(states: Iterable[WorkerState]) -> WorkerState | None:
    """Of processes that do the same work in turn, the one that the exchange spoke to last."""
    heard = [state for state in states if state.last_frame_ms is not None]
    return max(heard, key=lambda state: state.last_frame_ms or 0, default=None)


def absence_after(last: WorkerState | None) -> Absence | None:
    """What is to be told after a process's last words: it ended without a word, or before it could tell of the one before it."""
    if last is None:
        return None
    if last.absence is not None:
        return last.absence
    if last.has_ended or not last.wanted or last.connection_status in ("idle", "standby"):
        return None
    since_ms = last.delivered_ms or last.last_frame_ms
    return Absence(since_ms, list(last.topics)) if since_ms is not None else None
