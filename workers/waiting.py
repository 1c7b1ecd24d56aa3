"""WAITING: how a worker's loop waits for its socket, a wish and its router; and a moment longer where more frames come."""

import os
import select
import time

#: What the router has taken is heard within this while no frame comes; seconds.
HEAR_S = 0.01


def wait(wake: int, bus: int, frames: int | None, *, within_s: float, gathers_until: float) -> None:
    """Until one of them can be read, `within_s` at the longest. `wake` interrupts everything, and is calm again then.

    bus            the router's answers: no hurry while frames come
    frames         the exchange's socket; None: it is not to be read
    gathers_until  frames that come before then, monotonic seconds, wait for more
    """
    hasty = [wake] if frames is None else [wake, frames]
    ready = _readable([*hasty, bus], within_s)
    if ready == [bus] and frames is not None:
        ready = _readable(hasty, HEAR_S)
    if frames in ready and wake not in ready:
        ready = _readable([wake], gathers_until - time.monotonic())
    if wake in ready:
        os.eventfd_read(wake)


def _readable(descriptors: list[int], within_s: float) -> list[int]:
    return select.select(descriptors, [], [], within_s)[0] if within_s > 0 else []
