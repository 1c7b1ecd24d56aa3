"""Continuity of a book's frames. Source: protocol notes, section 6.2."""

from gateway.protocol.channels.channel import Memory

#: A book of this depth comes as snapshots only and repeats its `u` while nothing changes: no gap test applies.
SNAPSHOTS_ONLY = 1


def follow(memory: Memory, *, kind: str, update_id: int, depth: int) -> bool:
    """Take one frame into account; True when all frames since the last snapshot are unbroken.

    A snapshot, or `u` 1 after a restart of the exchange's service, begins anew. A delta must bring the next `u`; after one that
    does not, the book stays out of sync until a snapshot comes.
    """
    if kind == "snapshot" or update_id == 1:
        memory.hole = None
    elif memory.update_id is None:
        memory.hole = "a change came before any snapshot"
    elif memory.hole is None and depth != SNAPSHOTS_ONLY and update_id != memory.update_id + 1:
        memory.hole = f"update {update_id} came after {memory.update_id}"
    memory.update_id = update_id
    memory.in_sync = memory.hole is None
    return memory.in_sync
