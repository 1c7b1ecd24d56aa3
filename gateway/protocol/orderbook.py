"""Continuity of a book's frames. Source: protocol notes, sections 6.2 to 6.4."""

from gateway.protocol.memory import Memory

#: A book of this depth comes as snapshots, and one is sent again, with the same `u`, while nothing changes.
RESENT = "1"
#: This one comes as deltas only: its snapshots are fetched over REST, and `u` 1 takes away what was known.
DELTAS_ONLY = "full"


def begins_anew(kind: str, update_id: int, depth: str) -> bool:
    """Whether a frame is a snapshot: called so, or the first after a restart of the exchange's service, with `u` 1."""
    return kind == "snapshot" or (update_id == 1 and depth != DELTAS_ONLY)


def follow(memory: Memory, *, kind: str, update_id: int, sequence: int | None, depth: str) -> bool:
    """Take one frame into account; True when all frames since the last snapshot are unbroken.

    Any snapshot replaces the book completely. A delta must bring the next `u`, unless the memory demands no continuity, which is
    observed rather than promised; then and else a smaller `seq` is older data. After a hole the book stays out of sync until a
    snapshot comes.

    sequence  `seq`; None where the frame has none, as those of options in 2023
    depth     the topic's second word: a number, `rpi` or `full`
    """
    if begins_anew(kind, update_id, depth):
        memory.hole = None
    elif memory.hole is None:
        memory.hole = _older(memory.sequence, sequence) or _broken(memory, update_id, depth)
    memory.update_id = update_id
    memory.sequence = memory.sequence if sequence is None else sequence
    memory.in_sync = memory.hole is None
    return memory.in_sync


def _older(last: int | None, sequence: int | None) -> str | None:
    if last is None or sequence is None or sequence >= last:
        return None
    return f"sequence {sequence} came after {last}: it is older data"


def _broken(memory: Memory, update_id: int, depth: str) -> str | None:
    """Why a delta does not follow what came before it; None if it does."""
    last = memory.update_id
    if depth == DELTAS_ONLY and update_id == 1:
        return "the exchange began its count anew, and what was known of the book is void"
    if last is None:
        return "a change came before any snapshot"
    if not memory.continuity or update_id == last + 1:
        return None
    if update_id == last:
        return f"update {update_id} came again"
    return f"update {update_id} came {'late, ' if update_id < last else ''}after {last}"
