"""Names that users and several parts of the gateway rely on; each rule stands here once and is never parsed back.

Source of the shapes: the public contract, section 4.
"""

from functools import lru_cache

EXCHANGE = "ws-gateway.events"
QUEUE_PREFIX = "ws-gateway"
NO_WORD = "-"
#: In a binding: whatever word stands there.
ANY = "*"
#: Bytes for category, symbol and variant together. Source: AMQP 0-9-1, a short string holds 255 bytes.
LONGEST_WORDS = 220
#: Of a letter in UTF-8.
MOST_BYTES = 4


def word(text: str | None) -> str:
    """One word of a routing key: `-` for nothing, and no dots, which separate words."""
    return text.replace(".", "_") if text else NO_WORD


@lru_cache(maxsize=16_384)
def routing_key(event_type: str, category: str | None, symbol: str | None, variant: str = NO_WORD) -> str:
    return f"{event_type}.{word(category)}.{word(symbol)}.{word(variant)}"


def is_routable(*words: str | None) -> bool:
    """Whether a routing key of these words fits into AMQP's 255 bytes, with room for the event type."""
    letters = 0
    for part in words:
        letters += len(part) if part else 0
    return letters * MOST_BYTES <= LONGEST_WORDS or sum(len(part.encode()) for part in words if part) <= LONGEST_WORDS


def class_queue(event_type: str) -> str:
    """The queue whose consumers share all events of one class."""
    return f"{QUEUE_PREFIX}.{event_type}"


def class_binding(event_type: str) -> str:
    return f"{event_type}.#"


def service_queue(event_type: str, service: str) -> str:
    """The queue that carries one service's own copy of what it subscribed to."""
    return f"{QUEUE_PREFIX}.{event_type}.{service}"


def service_binding(event_type: str, *, category: str | None, symbol: str | None, variant: str | None) -> str:
    """What a service's queue is bound to: the routing key, with `*` for a word that the subscription leaves open."""
    words = (word(part) if part is not None else ANY for part in (category, symbol, variant))
    return ".".join((event_type, *words))
