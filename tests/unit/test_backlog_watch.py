"""What the watch over queues says of them for health and metrics."""

from gateway.health.words import QueueState
from gateway.lanes.announcements import Announcements
from gateway.lanes.backlogs import Backlogs, Limits
from gateway.wire import Stamp
from workers.backlogs import BacklogWatch

CLASS, SERVICE = "ws-gateway.trade", "ws-gateway.trade.desk"


class Seen:
    """In the place of the keeper."""

    looked_ms = 1

    def __init__(self) -> None:
        self.depths = {CLASS: QueueState(1, 0), SERVICE: QueueState(2, 1)}


def test_each_queue_is_a_class_s_or_a_service_s_before_it_was_looked_at_and_after() -> None:
    told = Announcements(Stamp(worker="router_00", account="main", include_raw="off", started_ms=1), lambda: None)
    seen = Seen()
    watch = BacklogWatch(seen, Backlogs(Limits(100, 60_000)), told, classes={CLASS}, management=None)
    for depth in (1, 3):
        seen.depths[SERVICE] = QueueState(depth, 1)
        assert {name: (state.messages, state.is_class) for name, state in watch.states().items()} == {
            CLASS: (1, True),
            SERVICE: (depth, False),
        }
        watch.look(1000)
