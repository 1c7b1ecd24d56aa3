"""ROOM: how many processes an endpoint's topics need, by what the exchange allows one connection. Pure."""

import zlib
from collections.abc import Collection

from gateway.protocol.endpoints import Endpoint


def owner(topic: str, processes: int) -> int:
    """Which process of an endpoint serves a topic. Source: the public contract, section 1."""
    return zlib.crc32(topic.encode()) % processes


def processes_needed(endpoint: Endpoint, topics: Collection[str]) -> int:
    """The smallest number of processes among which the topics are so dealt that all fit; 1 where there is no limit."""
    processes = 1
    while processes < len(topics) and not _fits(endpoint, topics, processes):
        processes += 1
    return processes


def _fits(endpoint: Endpoint, topics: Collection[str], processes: int) -> bool:
    if endpoint.exceeded(-(-sum(map(len, topics)) // processes), -(-len(topics) // processes)) is not None:
        return False  # not even were they dealt evenly
    characters, counts = [0] * processes, [0] * processes
    for topic in topics:
        number = owner(topic, processes)
        characters[number] += len(topic)
        counts[number] += 1
    return all(endpoint.exceeded(of, count) is None for of, count in zip(characters, counts, strict=True))
