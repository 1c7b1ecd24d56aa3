"""CATCH-UP: what the main loop does about a time that it missed. The account and the market each have their own; the others have this.

dial ─▶ opened: frames wait ─▶ settled, or topic by topic: REST is asked ─▶ tend: what it told goes out between what waited, by time
The connection goes ─▶ lost; the worker does ─▶ release
"""

from collections.abc import Callable, Iterable

from msgspec.structs import replace

from gateway.models import Event
from gateway.protocol import channels
from gateway.protocol.answers import Fact
from gateway.protocol.endpoints import Endpoint
from gateway.protocol.frames import Data
from gateway.protocol.memory import Memory
from gateway.protocol.subscriptions import Subscriptions
from workers.delivery import Delivery
from workers.held import Step

#: A frame as the loop keeps it: with the nanoseconds of its receipt.
Frame = tuple[Data, int]


def events_in(frame: Frame, endpoint: Endpoint) -> list[Event]:
    """What a frame tells, for a look ahead: it is read again when it is told."""
    data = frame[0]
    normalise = channels.for_topic(data.topic, endpoint.name).normalise
    outcomes = normalise(replace(data, unknown=[]), endpoint.category, Memory()) if normalise is not None else []
    return [outcome for outcome in outcomes if isinstance(outcome, Event)]


def tell(
    delivery: Delivery, steps: Iterable[Step[Frame]], new: Callable[[list[Fact]], Iterable[Fact]], now: float, now_ns: int
) -> None:
    """Facts, as far as they are new when it is their turn, and the frames between them."""
    for facts, frame in steps:
        for fact in new(facts):
            delivery.fetched(fact, now_ns)
        if frame is not None:
            delivery.take(*frame, now)


class Catchup:
    """Of an endpoint of which REST tells nothing. Used by the worker's main thread alone. All `now` are monotonic seconds.

    subscriptions  of the link, which sets it
    """

    subscriptions: Subscriptions

    @property
    def may_hold(self) -> bool:
        """Whether `holds` has to be asked: something waits, or is waited for."""
        return True

    @property
    def missed(self) -> int:
        """Facts that only an audit of the healthy stream told, since the process began."""
        return 0

    @property
    def is_dead(self) -> bool:
        """Whether what fetches has ended for a reason that nobody foresaw: the process must end, too, and begin anew."""
        return False

    @property
    def held_since_ms(self) -> int | None:
        """When the oldest frame was received that waits, and is lost with this process; Unix milliseconds."""
        return None

    def begins(self) -> None:
        """It is this process's turn: it goes on where another one ended."""

    def ends(self) -> None:
        """All that was told is the router's, or on disk: the next process goes on from here."""

    def want(self, is_wanted: Callable[[str], bool]) -> None:
        """Other topics are wanted from now on."""

    def opened(self) -> None:
        """A new connection: what it brings may have to wait for what was missed before."""

    def settled(self, now: float, now_ns: int) -> None:
        """Every wanted topic is held or refused, for the first time on this connection."""

    def holds(self, frame: Frame, now: float) -> bool:  # noqa: ARG002 # nothing waits here
        """Whether a frame waits; else it is to be delivered now."""
        return False

    def holds_left(self, frame: Frame, now: float) -> bool:  # noqa: ARG002 # nothing waits here
        """The same of a frame that an earlier run left on disk: it may have waited when that ended."""
        return False

    def tend(self, now: float, now_ns: int) -> None:
        """Deliver what REST told, and what has waited."""

    def lost(self) -> None:
        """The connection is gone."""

    def release(self, now: float) -> None:
        """What waits is delivered now: the worker ends, has nothing more to do, or no room for more."""

    def passes(self, event: Event) -> bool:  # noqa: ARG002 # everything does here
        """Whether consumers are to be told what the stream brings; not where REST has told it meanwhile, or something newer."""
        return True
