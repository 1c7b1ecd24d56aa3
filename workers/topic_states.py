"""How each topic of a process is, in the contract's words: from what is agreed with the exchange, its cadence, and the connection."""

from gateway.health.words import TopicState
from workers.link import Link
from workers.reader import Readers

#: While the connection is so, what is asked for waits for it.
AWAY = ("reconnecting", "auth_failed")


def topic_states(link: Link, readers: Readers) -> dict[str, TopicState]:
    """Of all that the process is to hold; nothing while it stands by, for then another one knows."""
    if link.status == "standby":
        return {}
    found = {
        topic: TopicState(word, error, readers.last_event_ms(topic), readers.sequence(topic))
        for topic, (word, error) in link.subscriptions.states().items()
    }
    if link.status in AWAY:
        for state in found.values():
            if state.state == "requested":
                state.last_error = link.last_error
        return found
    for topic, cadence in readers.cadences:
        if cadence.is_stalled and topic in found and found[topic].state != "refused":
            found[topic].state, found[topic].last_error = "stalled", f"silent for longer than {cadence.limit_s:.0f} s"
    return found
