"""ALERTS: each alert of rules.yml and the fault that fires it. FAULTS: what is done, in this order, to which stage. The whole table.

Faults alone: `make alarms FAULT=topic_silent,login_refused`. An order that is worth keeping: what makes the connections' hour worse comes
before RabbitMQ and PostgreSQL, so that it is over by the end; what asks for patience is begun before what does not disturb it. A topic
falls silent before its worker is frozen: a pause of ours is taken for the market's, and makes the gateway more patient.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.chaos import faults
from tests.chaos.drill import faults as more
from tests.chaos.valve import Flow

#: Stage → the gateway's settings on it, besides those it needs.
STAGES: dict[str, dict[str, str]] = {
    "usual": {},
    "narrow": {"WS_GATEWAY_SPOOL_MAX_BYTES": "1MiB", "WS_GATEWAY_QUEUE_MAX_LENGTH": "3000"},
}


@dataclass(frozen=True)
class Fault:
    """act, given: what does it, and with what. shows_later: the next faults do not wait for its alerts."""

    words: str
    act: Callable[..., None]
    given: dict[str, Any] = field(default_factory=dict)
    stage: str = "usual"
    shows_later: bool = False


@dataclass(frozen=True)
class Alert:
    """labels: of the alert that must fire, those that say of what it speaks."""

    name: str
    fault: str
    labels: dict[str, str] = field(default_factory=dict)


_LINEAR, _PRIVATE, _BROKER = {"worker": "linear_00"}, {"worker": "private_00"}, {"sink": "broker"}
_UNREAD = {"queue": f"ws-gateway.trade.{more.NOBODY}"}

FAULTS: dict[str, Fault] = {
    "account_frames_dropped": Fault(
        "frames of the account's stream do not come, on a connection that is well", faults.private_frames_dropped,
        {"seconds": 8.0, "every_s": 0.5}, shows_later=True,
    ),
    "new_field": Fault(
        "the exchange sends a field that no table knows", more.pushed, {"endpoint": "linear", "frames": more.new_field},
    ),
    "no_json": Fault("the exchange pushes what is no JSON", more.pushed, {"endpoint": "linear", "frames": more.no_json}),
    "negative_balance": Fault(
        "a wallet tells of a balance below zero", more.pushed, {"endpoint": "private", "frames": more.negative_balance},
    ),
    "balance_in_words": Fault(
        "a wallet has a word for a number", more.pushed, {"endpoint": "private", "frames": more.balance_in_words},
    ),
    "api_stopped": Fault("the control API is stopped", more.api_stopped, {"seconds": 8.0}),
    "topic_silent": Fault(
        "a book is silent on a connection that is well", more.exchange_wrong,
        {"wrongs": ({"kind": "silence", "how": "topic", "endpoint": "linear", "topic": "orderbook.*"},), "seconds": 50.0},
    ),
    "linear_frozen": Fault("SIGSTOP of a public worker", faults.process_frozen, {"program": "linear_00", "seconds": 12.0}),
    "spot_killed": Fault(
        "kill -9 of a public worker, over and over", faults.processes_killed, {"programs": ("spot_00",), "times": 8},
    ),
    "topic_refused": Fault("a topic is wanted that the exchange refuses", more.topic_refused, {"seconds": 22.0}),
    "clock_off": Fault(
        "the exchange's clock is 3 s ahead of ours", more.exchange_wrong,
        {"wrongs": ({"kind": "clock", "amount": 3000},), "cut": ("private",), "seconds": 60.0},
    ),
    "login_refused": Fault(
        "the exchange refuses the login", more.exchange_wrong,
        {"wrongs": ({"kind": "login", "how": "refuse", "endpoint": "private"},), "cut": ("private",), "seconds": 25.0},
    ),
    "exchange_away": Fault("the exchange takes no connection", faults.exchange_away, {"how": "503", "seconds": 40.0}),
    "answers_late": Fault(
        "the exchange takes 4 s for each subscription of a connection that comes anew", more.exchange_wrong,
        {
            "wrongs": ({"kind": "answer", "how": "delay", "op": "subscribe", "endpoint": "linear", "amount": 4.0},),
            "cut": ("linear",), "seconds": 15.0,
        },
    ),
    "exchange_cut": Fault("the exchange ends its connections, over and over", faults.exchange_cut, {"hows": ("abort",), "times": 10}),
    "rabbitmq_killed": Fault("RabbitMQ is killed, for 20 s", faults.rabbitmq_away, {"how": "kill", "seconds": 20.0}),
    "rabbitmq_alarmed": Fault("RabbitMQ's memory alarm", faults.rabbitmq_alarmed, {"seconds": 70.0}),
    "postgresql_stopped": Fault(
        "PostgreSQL is stopped while somebody asks the control API", more.while_asked,
        {"act": faults.postgresql_away, "how": "stop", "seconds": 20.0},
    ),
    "postgresql_slow": Fault(
        "every answer of PostgreSQL takes 0.6 s while somebody asks the control API", more.while_asked,
        {"act": faults.line_turned, "to": "store", "flow": Flow.SLOW, "seconds": 25.0},
    ),
    "nobody_listens": Fault("nobody subscribes to what the gateway tells of itself", more.nobody_listens_to_the_gateway),
    "queue_unread": Fault("a service subscribes and does not read", more.queue_unread, {"seconds": 90.0}, "narrow"),
    "spool_full": Fault(
        "RabbitMQ is away for longer than the spool has room", faults.spool_at_its_bound, {"seconds": 30.0}, "narrow",
    ),
    "overflow": Fault(
        "RabbitMQ is away for longer than the spool has room, while the market trades ten times as much", more.during_a_burst,
        {"times": 10.0, "burst_s": 35.0, "act": faults.spool_at_its_bound, "seconds": 40.0}, "narrow",
    ),
}  # fmt: skip

#: In the order of rules.yml.
ALERTS: tuple[Alert, ...] = (
    Alert("GatewayAway", "api_stopped", {"job": "gateway"}),
    Alert("GatewayUnhealthy", "rabbitmq_killed", {"status": "unhealthy"}),
    Alert("GatewayDegraded", "clock_off", {"status": "degraded"}),
    Alert("ProcessSilent", "linear_frozen", {"process": "linear_00"}),
    Alert("ProcessRestarting", "spot_killed", {"process": "spot_00"}),
    Alert("ConnectionAway", "exchange_away", _LINEAR),
    Alert("ConnectionFlapping", "exchange_cut", _LINEAR),
    Alert("LoginRefused", "login_refused", _PRIVATE),
    Alert("UptimeBelowTarget", "exchange_away", _LINEAR),
    Alert("ResubscriptionSlow", "answers_late"),
    Alert("ClockOff", "clock_off", _PRIVATE),
    Alert("TopicsStalled", "topic_silent", _LINEAR),
    Alert("TopicsRefused", "topic_refused", _LINEAR),
    Alert("GapOpen", "exchange_away", _LINEAR),
    Alert("AccountEventsMissed", "account_frames_dropped", _PRIVATE),
    Alert("UnknownFields", "new_field", _LINEAR),
    Alert("EventsDropped", "no_json", {**_LINEAR, "reason": "unreadable"}),
    Alert("ProcessedBelowTarget", "overflow"),
    Alert("DeliverySlow", "rabbitmq_killed"),
    Alert("SinkAway", "rabbitmq_killed", _BROKER),
    Alert("SinkBlocked", "rabbitmq_alarmed", _BROKER),
    Alert("SpoolOld", "rabbitmq_alarmed", _BROKER),
    Alert("SpoolFilling", "spool_full", _BROKER),
    Alert("JournalFilling", "spool_full", _PRIVATE),
    Alert("PublishingFails", "rabbitmq_killed", {"reason": "lost"}),
    Alert("MessagesReturned", "nobody_listens"),
    Alert("QueueFilling", "queue_unread", _UNREAD),
    Alert("QueueOverflowing", "queue_unread", _UNREAD),
    Alert("QueueUnread", "queue_unread", _UNREAD),
    Alert("BalancesLate", "postgresql_stopped"),
    Alert("BalanceImplausible", "negative_balance"),
    Alert("RecordsRejected", "balance_in_words"),
    Alert("ApiSlow", "postgresql_slow"),
    Alert("ApiFailing", "postgresql_stopped"),
)
