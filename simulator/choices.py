"""What the exchange does where nobody knows for sure: each a setting with the documented default. Source: protocol notes, section 13."""

from dataclasses import dataclass, fields
from typing import Any

#: Choice → the words it may be, where it is not free text.
WORDS: dict[str, tuple[str, ...]] = {
    "close_after_refused_login": ("no", "yes"),
    "second_login": ("accept", "refuse"),
    "unknown_unsubscribe": ("accept", "refuse"),
    "option_refusals": ("faithful", "strict"),
    "narrowed_topic": ("as_subscribed", "family"),
    "wallet_coins": ("affected", "all"),
    "maintenance": ("alternate", "abort", "1001"),
    "private_order": ("usual", "shuffle"),
    "level_1_u": ("next", "jumps"),
}


@dataclass(frozen=True, slots=True)
class Choices:
    """The open points, as chosen.

    no_login_words             the refusal of a private topic before the login
    close_after_refused_login  whether a refused login ends the connection
    second_login               a second login on one connection: accept or refuse
    unknown_unsubscribe        leaving a topic that is not held: accept or refuse
    option_refusals            faithful: an unknown option or spread topic is acknowledged and stays silent, as observed;
                               strict: it is in failTopics, as documented
    too_large_words            the refusal of too many characters or topics on a connection
    unreadable_words           the answer to malformed JSON, or to an unknown op
    narrowed_topic             what a push to an `order.linear` subscriber is called: as_subscribed, or the family's name
    wallet_coins               a wallet push names the affected coins, or all
    maintenance                how a maintenance ends a connection: abort and 1001 in turn, or one of them
    private_order              the frames of one occurrence in their usual order, or shuffled (a topic's own stay in order)
    level_1_u                  the `u` of a level-1 book that changed: one more, or several
    """

    no_login_words: str = "Request not authorized"
    close_after_refused_login: str = "no"
    second_login: str = "accept"
    unknown_unsubscribe: str = "accept"
    option_refusals: str = "faithful"
    too_large_words: str = "args size too large"
    unreadable_words: str = "Params Error"
    narrowed_topic: str = "as_subscribed"
    wallet_coins: str = "affected"
    maintenance: str = "alternate"
    private_order: str = "usual"
    level_1_u: str = "next"


def chosen(given: dict[str, str]) -> Choices:
    """Raises ValueError with one sentence for a choice, or a word, that there is not."""
    names = [field.name for field in fields(Choices)]
    checked: dict[str, Any] = {}
    for name, word in given.items():
        if name not in names:
            raise ValueError(f"found the choice {name!r}; expected one of {', '.join(names)}")
        if name in WORDS and word not in WORDS[name]:
            raise ValueError(f"found {name}={word!r}; expected one of {', '.join(WORDS[name])}")
        if not word:
            raise ValueError(f"found no words for {name}; expected some: an answer without words is no refusal")
        checked[name] = word
    return Choices(**checked)
