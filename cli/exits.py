"""EXITS: how every command ends, in one table; and which error of ours means what to the caller."""

from gateway.errors import GatewayError, LineFault, ServerError, SettingError

DONE, REFUSED, USAGE, AWAY, INTERRUPTED = 0, 1, 2, 3, 130

#: Exit code → when. The README's table is made of it.
EXITS: dict[int, str] = {
    DONE: "done; of `status`: healthy or degraded; of `doctor`: nothing is wrong",
    REFUSED: "refused or failed, and the same again would be; of `status`: unhealthy; of `doctor`: something is wrong",
    USAGE: "wrong usage, or a setting that is missing or wrong; nothing was done",
    AWAY: "something is away (the control API, RabbitMQ, PostgreSQL, the exchange): try again when it is back",
    INTERRUPTED: "ended by Ctrl-C before it was done; `tail`, `status --watch` and `up`, which only that ends, say 0, `record` 0 or 1",
}


def exit_code(fault: GatewayError) -> int:
    """What a fault means to the caller."""
    if isinstance(fault, SettingError):
        return USAGE
    return AWAY if isinstance(fault, LineFault) and not isinstance(fault, ServerError) else REFUSED
