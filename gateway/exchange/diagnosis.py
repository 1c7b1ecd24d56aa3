"""Why a login was refused, in words for a person: the stream says no and little more, the same key over REST tells the cause."""

from gateway.errors import CredentialsRefused, ExchangeError, LinkLost
from gateway.exchange.signed import SignedRest
from gateway.protocol.ret_codes import CLOCK, Remedy, meaning

#: Tells about the key that asks, whatever its permissions.
KEY_PATH = "/v5/user/query-api"


def diagnose(rest: SignedRest) -> str:
    """One sentence."""
    asked = rest.apart()  # others ask meanwhile, and may not like the clock either
    try:
        asked.answer(KEY_PATH)
    except CredentialsRefused as fault:
        return f"{fault.words} (code {fault.ret_code})"
    except ExchangeError as fault:
        found = meaning(fault.ret_code)
        if found.remedy is Remedy.CLOCK:
            return f"{found.words} (code {fault.ret_code})"
        return f"the cause is not known: asked over REST, the exchange answers {fault.ret_code}: {fault.ret_msg[:200]}"
    except LinkLost as fault:
        return f"the cause is not known: the exchange's REST cannot be asked ({fault})"
    if asked.clock_reads:
        return f"{meaning(CLOCK).words}; what it differs by is known now and allowed for"
    return "the exchange takes the same key and secret over REST: the login came too late, or its stream has trouble; it is tried again"
