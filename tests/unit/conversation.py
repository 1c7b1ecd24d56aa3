"""Both ends of a conversation about topics: who wants them, and what the exchange answers. Texts of answers: protocol notes, section 5."""

from gateway.protocol.endpoints import ENDPOINTS
from gateway.protocol.frames import Ack
from gateway.protocol.subscriptions import Subscriptions
from gateway.protocol.topic import Request


def wanting(*topics: str, endpoint: str = "linear", pushes_first: bool = False) -> Subscriptions:
    subscriptions = Subscriptions(ENDPOINTS[endpoint])
    subscriptions.want(dict.fromkeys(topics, pushes_first))
    return subscriptions


def words(subscriptions: Subscriptions) -> dict[str, str]:
    return {topic: word for topic, (word, _) in subscriptions.states().items()}


def yes(request: Request) -> Ack:
    return Ack(op=request.op, success=True, req_id=request.req_id, message="")


def no(request: Request, message: str) -> Ack:
    return Ack(op=request.op, success=False, req_id=request.req_id, message=message)


def lists(accepted: tuple[str, ...], refused: tuple[str, ...] = ()) -> Ack:
    return Ack(op=None, success=True, req_id=None, message="", succeeded=accepted, failed=refused)


def partial(accepted: list[str], refused: list[str]) -> str:
    return (
        f"Batch subscription partially succeeded and partially failed.Successful subscriptions are as follows:[{','.join(accepted)}]. "
        "Subscription to the following topics failed because the topic does not exist or there is a subscription conflict:"
        f"[{','.join(refused)}]."
    )
