"""RET_CODES: what the codes of signed REST answers mean, and so what is done about them. Source: protocol notes, section 9.2."""

from dataclasses import dataclass
from enum import Enum, auto


class Remedy(Enum):
    """What helps.

    NOTHING  the same call would be refused again
    AGAIN    the exchange's trouble: ask again, later each time
    CLOCK    read the exchange's clock anew, then ask again
    WAIT     asked too often: wait until the answer's headers say
    PERSON   nobody but a person can mend it
    """

    NOTHING = auto()
    AGAIN = auto()
    CLOCK = auto()
    WAIT = auto()
    PERSON = auto()


@dataclass(frozen=True, slots=True)
class Meaning:
    """words: for a person, one sentence without its full stop: what is wrong and what to do."""

    remedy: Remedy
    words: str


_WRONG_KEY = (
    "the exchange does not know this API key: BYBIT_API_KEY is mistyped, deleted, or of another environment (mainnet, testnet and demo "
    "have keys of their own: see BYBIT_ENVIRONMENT)"
)
_EXPIRED = "the API key has expired: make a new one on the exchange's site, or renew this one"

#: A parameter that the exchange does not know, such as a symbol that is gone.
NO_SUCH = 10001
#: A time outside the window.
CLOCK = 10002

RET_CODES: dict[int, Meaning] = {
    401: Meaning(Remedy.PERSON, "the exchange finds no usable API key in the call: see BYBIT_API_KEY and BYBIT_API_SECRET"),
    429: Meaning(Remedy.WAIT, "the exchange's trading service is overloaded"),
    10000: Meaning(Remedy.AGAIN, "the exchange took too long itself"),
    NO_SUCH: Meaning(Remedy.NOTHING, "the exchange does not like a parameter"),
    CLOCK: Meaning(
        Remedy.CLOCK, "this host's clock differs from the exchange's by more than it accepts: let it be set by a time server (NTP)"
    ),
    10003: Meaning(Remedy.PERSON, _WRONG_KEY),
    10004: Meaning(Remedy.PERSON, "the signature is wrong: BYBIT_API_SECRET is not the secret of this key"),
    10005: Meaning(Remedy.PERSON, "the API key lacks a permission: it must be allowed to read orders, positions and the wallet"),
    10006: Meaning(Remedy.WAIT, "the account asked this call too often"),
    10007: Meaning(
        Remedy.PERSON, "the exchange refuses the login of this account: look whether the key still exists and is switched on"
    ),
    10008: Meaning(Remedy.PERSON, "the exchange has banned this account: ask its support"),
    10009: Meaning(Remedy.PERSON, "the exchange does not serve this region: see BYBIT_REGION"),
    10010: Meaning(Remedy.PERSON, "this host's address is not in the API key's list of addresses: add it on the exchange's site"),
    10016: Meaning(Remedy.AGAIN, "the exchange has trouble of its own"),
    10024: Meaning(Remedy.PERSON, "the exchange holds back this account until its rules are met: see its site"),
    10027: Meaning(Remedy.PERSON, "the exchange has forbidden this account to trade: see its site"),
    10028: Meaning(Remedy.PERSON, "the account is no unified one: upgrade it on the exchange's site"),
    10429: Meaning(Remedy.AGAIN, "the exchange protects itself from too many calls"),
    33004: Meaning(Remedy.PERSON, _EXPIRED),
    -2015: Meaning(Remedy.PERSON, _EXPIRED),
}


def meaning(code: int) -> Meaning:
    """Of a code that nobody has listed: nothing helps."""
    return RET_CODES.get(code, Meaning(Remedy.NOTHING, f"the exchange answers with the code {code}"))
