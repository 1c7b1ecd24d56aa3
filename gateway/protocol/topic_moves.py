"""TOPIC MOVES: where a topic stands on one connection, and what moves it. The table that `subscriptions.py` follows."""

from enum import Enum, auto


class Phase(Enum):
    """Where a topic stands on the wire. UNSURE: an answer did not come, so it may be held or not."""

    REQUESTED = auto()
    ASKED = auto()
    ACKNOWLEDGED = auto()
    LIVE = auto()
    REFUSED = auto()
    LEAVING = auto()
    UNSURE = auto()


class Heard(Enum):
    """What happens to a topic. SILENCE: no answer in time. BYSTANDER: its request was refused for a neighbour's sake.

    RETRY, DOUBT: the wait after a refusal is over; the refusal was believed, or may have meant that the topic is held.
    """

    SENT = auto()
    YES = auto()
    NO = auto()
    SILENCE = auto()
    BYSTANDER = auto()
    FIRST_FRAME = auto()
    RETRY = auto()
    DOUBT = auto()
    LOST = auto()


#: None: nothing of it is left on the wire; a topic that is still wanted begins again as REQUESTED.
MOVES: dict[tuple[Phase, Heard], Phase | None] = {
    (Phase.REQUESTED, Heard.SENT): Phase.ASKED,
    (Phase.REQUESTED, Heard.NO): Phase.REFUSED,  # no room left on the connection
    (Phase.ASKED, Heard.YES): Phase.ACKNOWLEDGED,
    (Phase.ASKED, Heard.NO): Phase.REFUSED,
    (Phase.ASKED, Heard.SILENCE): Phase.UNSURE,
    (Phase.UNSURE, Heard.SENT): Phase.LEAVING,  # then asked anew: a private topic that is asked twice is refused
    (Phase.UNSURE, Heard.LOST): None,
    (Phase.ASKED, Heard.BYSTANDER): Phase.REQUESTED,
    (Phase.ACKNOWLEDGED, Heard.FIRST_FRAME): Phase.LIVE,
    (Phase.ACKNOWLEDGED, Heard.SENT): Phase.LEAVING,
    (Phase.LIVE, Heard.SENT): Phase.LEAVING,
    (Phase.REFUSED, Heard.RETRY): Phase.REQUESTED,
    (Phase.REFUSED, Heard.DOUBT): Phase.UNSURE,
    (Phase.LEAVING, Heard.YES): None,
    (Phase.LEAVING, Heard.NO): None,  # nothing to leave; a later subscribe is told "already subscribed" at worst
    (Phase.LEAVING, Heard.BYSTANDER): Phase.ACKNOWLEDGED,
    (Phase.LEAVING, Heard.SILENCE): Phase.UNSURE,
    (Phase.REQUESTED, Heard.LOST): None,
    (Phase.ASKED, Heard.LOST): None,
    (Phase.ACKNOWLEDGED, Heard.LOST): None,
    (Phase.LIVE, Heard.LOST): None,
    (Phase.LEAVING, Heard.LOST): None,
    (Phase.REFUSED, Heard.LOST): Phase.REFUSED,  # a new connection does not make a bad topic good
}

ON_WIRE = {Phase.ASKED, Phase.ACKNOWLEDGED, Phase.LIVE, Phase.LEAVING, Phase.UNSURE}
HELD = {Phase.ACKNOWLEDGED, Phase.LIVE}

#: The words of a wanted topic's state. Source: the public contract, section 5. `stalled` is no phase: the topic is held, and silent.
STATES = ("requested", "acknowledged", "live", "stalled", "refused")
#: Phase → the contract's word for a wanted topic's state; one that is left to be asked for anew is no cancelled wish.
WORDS = {
    Phase.REQUESTED: "requested",
    Phase.ASKED: "requested",
    Phase.ACKNOWLEDGED: "acknowledged",
    Phase.LIVE: "live",
    Phase.REFUSED: "refused",
    Phase.LEAVING: "requested",
    Phase.UNSURE: "requested",
}
