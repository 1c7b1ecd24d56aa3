"""What a worker counts."""

from dataclasses import dataclass


@dataclass(slots=True)
class Counts:
    """Since the process started.

    dropped         public events that found no room
    repeated        what the stream told late: REST had told it, or something newer
    stale           changes of a whole book that were in it already
    unknown         frames and records that could not be read; each is a dead letter
    unknown_fields  keys that no table knows, each time one came; they are delivered all the same
    not_kept        of the dropped, what a stopping worker could neither send nor keep
    """

    events: int = 0
    dropped: int = 0
    repeated: int = 0
    stale: int = 0
    unknown: int = 0
    unknown_fields: int = 0
    not_kept: int = 0
