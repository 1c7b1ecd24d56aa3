"""REST: how a worker's loop waits for its socket, a wish and its router; and a moment longer where more comes, since what a turn
costs does not depend on how many frames it has.
"""

import os
import select
import time

#: Frames that come closer behind others than this are left to gather; seconds.
GATHER_S = 0.001
#: What the router has taken is heard within this while no frame comes; seconds.
HEAR_S = 0.01


def rest(wake: int, bus: int, frames: int | None, *, within_s: float, read_at: float) -> None:
    """Until one of them can be read, `within_s` at the longest. `wake` interrupts everything, and is calm again then.

    bus      the router's answers: no hurry while frames come
    frames   the exchange's socket; None: it is not to be read
    read_at  when frames were read last, monotonic seconds
    """
    hasty = [wake] if frames is None else [wake, frames]
    ready = _readable([*hasty, bus], within_s)
    if ready == [bus] and frames is not None:
        ready = _readable(hasty, HEAR_S)
    if frames in ready and wake not in ready:
        ready = _readable([wake], read_at + GATHER_S - time.monotonic())
    if wake in ready:
        os.eventfd_read(wake)


def _readable(descriptors: list[int], within_s: float) -> list[int]:
    return select.select(descriptors, [], [], within_s)[0] if within_s > 0 else []
