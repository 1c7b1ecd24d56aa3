"""FITTING: which wanted topics may be asked for now, by what the exchange allows one connection. Pure."""

from collections.abc import Mapping

from gateway.protocol.endpoints import Endpoint
from gateway.protocol.forms import clash
from gateway.protocol.topic import Topic
from gateway.protocol.topic_moves import ON_WIRE, Phase


def fitting(topics: Mapping[str, Topic], endpoint: Endpoint) -> tuple[list[str], list[tuple[str, str]]]:
    """Those that may be asked for, and those that are refused with why; the others wait for what is leaving to make room.

    The connection's limits count every topic on it, and two forms of one private topic never meet on it.
    """
    on_wire = [name for name, topic in topics.items() if topic.phase in ON_WIRE]
    room_comes = any(not topics[name].wanted for name in on_wire)
    characters, count = sum(map(len, on_wire)), len(on_wire)
    found, refused = list[str](), list[tuple[str, str]]()
    for name, topic in topics.items():
        if topic.phase is not Phase.REQUESTED or not topic.wanted:
            continue
        limit = endpoint.exceeded(characters + len(name), count + 1)
        other = clash(name, on_wire) if endpoint.authenticates else None
        if limit is None and other is None:
            characters, count = characters + len(name), count + 1
            on_wire.append(name)
            found.append(name)
        elif other is not None and topics[other].wanted:
            error = f"found {other} held; expected one form of a topic at a time"
            refused.append((name, error))
        elif limit is not None and not room_comes:
            error = f"does not fit: a connection of {endpoint.name} holds {limit}"
            refused.append((name, error))
    return found, refused
