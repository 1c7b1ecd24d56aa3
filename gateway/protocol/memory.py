"""Memory: what is known of one topic from the frames that came before."""

from dataclasses import dataclass, field

from gateway.models import Json


@dataclass(slots=True)
class Memory:
    """What a normaliser must remember of one topic on one connection; a new connection starts with an empty one.

    state      the merged ticker, by exchange key
    told       event class of changes only → what consumers were told last; the one thing that outlives a connection
    update_id  `u` of the last order book frame; None before the first
    sequence   `seq` of the last order book frame that had one
    in_sync    the frames of the book since its last snapshot are unbroken
    hole       why a new snapshot is needed, in words; None while what came since the last one is whole
    continuity whether a book's delta must bring the next `u`
    """

    state: dict[str, Json] = field(default_factory=dict)
    told: dict[str, Json] = field(default_factory=dict)
    update_id: int | None = None
    sequence: int | None = None
    in_sync: bool = False
    hole: str | None = None
    continuity: bool = True
