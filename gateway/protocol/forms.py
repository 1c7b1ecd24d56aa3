"""The two forms of a private topic, `order` and `order.linear`, which must not meet on one connection.

Source: protocol notes, section 5; the narrower forms: section 7.
"""

from collections.abc import Iterable

CATEGORIES = ("spot", "linear", "inverse", "option")


def family(topic: str) -> tuple[str, str | None]:
    """The all-in-one topic, and the category that a narrower form names: `execution.fast.spot` → `execution.fast`, `spot`."""
    head, _, tail = topic.rpartition(".")
    return (head, tail) if head and tail in CATEGORIES else (topic, None)


def clash(topic: str, others: Iterable[str]) -> str | None:
    """The first of the others that is another form of the same topic; None: they may live together."""
    of, category = family(topic)
    for other in others:
        its, narrower = family(other)
        if other != topic and its == of and (category is None or narrower is None):
            return other
    return None


def is_form_of_any(topic: str, others: Iterable[str]) -> bool:
    """Whether a topic is some form of one of the others: a narrower one may be pushed under its family's name (section 7)."""
    of = family(topic)[0]
    return any(family(other)[0] == of for other in others)
