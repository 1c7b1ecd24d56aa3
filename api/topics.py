"""Topics in the exchange's own words, as a request may give them: which row reads one, and what it says. Pure.

All that cannot be used is RequestError INVALID_TOPIC.
"""

import re

from gateway.errors import RequestError
from gateway.protocol import channels, forms
from gateway.protocol.channels import CHANNELS, RAW, RAW_PRIVATE, Named
from gateway.protocol.channels.channel import Channel
from gateway.protocol.channels.raw import ELSEWHERE, PRIVATE_TOPICS, REFUSED

#: Characters; with a category they fit into a routing key.
LONGEST = 100
_SANE = re.compile(r"[A-Za-z0-9_/-]+(\.[A-Za-z0-9_/-]+)*")


def check(topic: str) -> None:
    """Refuse what no topic looks like, and what the gateway never asks for."""
    if len(topic) > LONGEST or not _SANE.fullmatch(topic):
        raise invalid(topic, f"at most {LONGEST} letters, digits, _ / - in words with dots between, such as orderbook.50.BTCUSDT")
    for word, why in REFUSED.items():
        if topic.lower().startswith(word):  # rather one too many
            raise invalid(topic, f"another: {why}")
    for word, endpoint in ELSEWHERE.items():
        if topic == word or topic.startswith(f"{word}."):
            raise invalid(
                topic, f"another: it lives on the exchange's endpoint {endpoint!r}, which the gateway does not connect to"
            )


def row_of(topic: str, category: str | None) -> Channel:
    """The row that reads a topic of which nobody named the channel: that of its family, else one of the two raw ones.

    A family is known by its words, also where the category lacks it; one that was announced there is raw.
    """
    private = channels.named_by(topic, "private")
    if private is not None:
        return private.channel
    if _is_private_family(topic):
        raise invalid(topic, " or ".join(_private_topics(forms.family(topic)[0])))
    if topic in PRIVATE_TOPICS:
        if category is not None:
            raise invalid(topic, f"it without category {category!r}: a topic of the account has none")
        return RAW_PRIVATE
    public = [row for row in CHANNELS if not row.private and row.normalise is not None]
    known = next((row for row in public if any(channels.read_as(row, topic, of) for of in row.topics)), RAW)
    if category in known.raw_for:
        return RAW
    if category is None and "" not in known.topics:
        mine = [*_private_topics(), *PRIVATE_TOPICS]
        raise invalid(topic, f"a category beside it, which every public topic needs, or a topic of the account: {', '.join(mine)}")
    return known


def said_by(channel: Channel, topic: str, category: str | None) -> Named:
    """What a topic says to a channel. category: the given one, whose words are looked for where the channel has it."""
    if channel.private:
        named = channels.named_by(topic, "private")
        if named is not None and named.channel is channel:
            return named
        raise invalid(topic, f"{' or '.join(_forms_of(channel))} for {channel.channel_type}")
    wordings = [of for of in channel.topics if of == category] or list(channel.topics)
    found = [named for of in wordings if (named := channels.read_as(channel, topic, of)) is not None]
    if not found:
        templates = dict.fromkeys(channel.topics[of] for of in wordings)
        raise invalid(topic, f"{' or '.join(templates)} for {channel.channel_type}")
    return found[0]


def agreed(channel: Channel, topic: str, *, given: str | None, category: str | None) -> str:
    """The topic to ask for: the rest of the request leads to `topic`; a given one must be that, or its narrower form."""
    possible = [topic] if not channel.private or category is None else [topic, f"{topic}.{category}"]
    if given is not None and given not in possible:
        of = f" of category {category!r}" if category is not None else ""
        raise invalid(given, f"{' or '.join(map(repr, possible))}, as the rest of the request says, for {channel.channel_type}{of}")
    return given or topic


def invalid(topic: str, expected: str) -> RequestError:
    return RequestError(f"found topic {topic!r}; expected {expected}", code="INVALID_TOPIC")


def _forms_of(channel: Channel) -> list[str]:
    """Every topic of a private row."""
    narrower = [f"{channel.topics[of]}.{of}" for of in channel.topics if of in forms.CATEGORIES]
    return [*dict.fromkeys(channel.topics.values()), *narrower]


def _private_topics(family: str | None = None) -> list[str]:
    """Every topic that the private rows read, of all families or of one."""
    every = [topic for row in CHANNELS if row.private for topic in _forms_of(row)]
    return [topic for topic in every if family in (None, forms.family(topic)[0])]


def _is_private_family(topic: str) -> bool:
    return bool(_private_topics(forms.family(topic)[0]))
