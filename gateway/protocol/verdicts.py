"""VERDICTS: which request an acknowledgement answers, and what it says of each of its topics."""

from collections.abc import Collection

from gateway.protocol import refusals
from gateway.protocol.frames import Ack
from gateway.protocol.topic import Request
from gateway.protocol.topic_moves import Heard

#: What an answer's words say of a topic: held, refused, or None for a bystander.
_TOLD = {True: Heard.YES, False: Heard.NO, None: Heard.BYSTANDER}


def matching(requests: Collection[Request], ack: Ack) -> Request | None:
    """The request that is answered; by its id where there is one, else the only one that fits."""
    if ack.req_id is not None:
        return next((request for request in requests if request.req_id == ack.req_id), None)
    named = set((ack.succeeded or ()) + (ack.failed or ()))
    fitting = [request for request in requests if ack.op in (None, request.op) and (not named or named & set(request.topics))]
    return fitting[0] if len(fitting) == 1 else None


def verdicts(request: Request, ack: Ack) -> list[tuple[str, Heard]] | None:
    """What the answer says of each topic of the request; None: that one of them is refused, and nobody knows which."""
    failed, succeeded = ack.failed or (), ack.succeeded or ()
    if ack.success:
        return [(name, Heard.NO if name in failed else Heard.YES) for name in request.topics]
    if not {*failed, *succeeded}.isdisjoint(request.topics):
        listed = {**dict.fromkeys(succeeded, Heard.YES), **dict.fromkeys(failed, Heard.NO)}
        return [(name, listed.get(name, Heard.BYSTANDER)) for name in request.topics]
    told = refusals.told(request.topics, ack.message)
    if told is not None:
        return [(name, _TOLD[is_held]) for name, is_held in told.items()]
    if len(request.topics) == 1 or request.op == "unsubscribe":
        return [(name, Heard.NO) for name in request.topics]  # what cannot be left is not ours; asking again would never end
    return None
