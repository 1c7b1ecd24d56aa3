"""AsyncAPI 3.0 document of what RabbitMQ has: the topic exchange, the queues and one message per event class.

It describes a consumer, so all of its operations are `receive`: in AsyncAPI 3 the action is what the described application does.
Payloads are the published schemas, whole, so that the document needs no other file.
"""

from typing import Any

import gateway
from gateway import names
from gateway.protocol.channels import CHANNELS
from gateway.protocol.channels.channel import Channel
from gateway.protocol.endpoints import CATEGORIES
from gateway.schemas import schemas
from gateway.sinks import bundles

VERSION = "3.0.0"
#: Of the AMQP bindings.
BINDINGS = "0.3.0"
CONTENT_TYPE = "application/json"

_NULLABLE = {"type": ["string", "null"]}
_CLASS = {"enum": [row.event_type for row in CHANNELS], "description": "The event class."}
_PARAMETERS: dict[str, dict[str, Any]] = {
    "event_type": _CLASS,
    "category": {"enum": [*CATEGORIES, names.NO_WORD], "description": "- for null."},
    "symbol": {"description": "The instrument, a dot written _; - for null."},
    "variant": {
        "description": "Depth, interval, an option trade's base coin, a raw topic; a dot written _; - where there is none."
    },
}


def document() -> dict[str, Any]:
    """The same on every machine."""
    return {
        "asyncapi": VERSION,
        "info": {
            "title": "ws-gateway events",
            "version": gateway.__version__,
            "description": "What a consumer receives from RabbitMQ. Every operation is the consumer's: receive.",
        },
        "defaultContentType": CONTENT_TYPE,
        "servers": {
            "rabbitmq": {
                "host": "{broker}",
                "protocol": "amqp",
                "protocolVersion": "0-9-1",
                "description": "The broker of the setting BROKER_URL.",
                "variables": {"broker": {"default": "localhost:5672", "description": "Its host and port."}},
            }
        },
        "channels": _channels(),
        "operations": _operations(),
        "components": {
            "messages": {row.event_type: _message(row) for row in CHANNELS} | {"batch": _batch()},
            "schemas": {name: _embedded(found) for name, found in schemas.all_schemas().items()},
        },
    }


def _channels() -> dict[str, Any]:
    classes = {f"{row.event_type}_queue": _class_queue(row.event_type) for row in CHANNELS}
    return {"events": _exchange(), **classes, "service_queue": _service_queue()}


def _operations() -> dict[str, Any]:
    shared = "Share the events of one class with all who read its queue."
    return {
        "receive_events": _receive("events", "Bind a queue of your own to the exchange."),
        **{f"receive_{row.event_type}": _receive(f"{row.event_type}_queue", shared) for row in CHANNELS},
        "receive_service": _receive("service_queue", "Receive a service's own copy of what it subscribed to."),
    }


def _exchange() -> dict[str, Any]:
    exchange = {"name": names.EXCHANGE, "type": "topic", "durable": True, "autoDelete": False}
    return {
        "address": names.routing_key("{event_type}", "{category}", "{symbol}", "{variant}"),
        "title": names.EXCHANGE,
        "description": "The topic exchange; the address is the routing key, to bind by and never to take apart.",
        "messages": _messages(),
        "parameters": _PARAMETERS,
        "bindings": _amqp({"is": "routingKey", "exchange": exchange}),
    }


def _class_queue(event_type: str) -> dict[str, Any]:
    queue = names.class_queue(event_type)
    return {
        "address": queue,
        "description": f"All events of one class, bound {names.class_binding(event_type)}; its consumers share them.",
        "messages": {event_type: _to("components", "messages", event_type)},
        "bindings": _queue(queue),
    }


def _service_queue() -> dict[str, Any]:
    queue = names.service_queue("{event_type}", "{service}")
    return {
        "address": queue,
        "description": "What one service subscribed to, of one class: its own copy. It exists when the subscription is answered.",
        "messages": _messages() | {"batch": _to("components", "messages", "batch")},
        "parameters": {"event_type": _CLASS, "service": {"description": "The subscription's requesting_service."}},
        "bindings": _queue(queue),
    }


def _receive(channel: str, summary: str) -> dict[str, Any]:
    return {"action": "receive", "channel": _to("channels", channel), "summary": summary, "bindings": _amqp({"ack": True})}


def _message(row: Channel) -> dict[str, Any]:
    return {
        "name": row.event_type,
        "title": row.event_type,
        "contentType": CONTENT_TYPE,
        "headers": {
            "type": "object",
            "properties": {
                "event_type": {"const": row.event_type},
                "category": _NULLABLE,
                "symbol": _NULLABLE,
                "topic": {"type": "string"},
                "trace_id": {"type": "string"},
            },
            "required": ["event_type", "category", "symbol", "topic", "trace_id"],
        },
        "payload": _to("components", "schemas", row.event_type),
        "correlationId": {"location": "$message.header#/trace_id", "description": "Of the frame; its log lines have the same."},
        "bindings": _amqp({"contentEncoding": "utf-8"}),
    }


def _batch() -> dict[str, Any]:
    """Many events as one message, for subscriptions with `delivery: batch`."""
    keys = {"type": "string", "description": "Of each event, in their order, one a line: what its sequence counts."}
    return {
        "name": "batch",
        "title": "batch",
        "summary": "Events of one class in the order of the queue, for subscriptions with delivery batch.",
        "contentType": bundles.CONTENT_TYPE,
        "headers": {
            "type": "object",
            "properties": {
                "event_type": _CLASS,
                "count": {"type": "integer", "minimum": 1, "maximum": bundles.MOST},
                "routing_keys": keys,
                "trace_id": {"type": "string"},
            },
            "required": ["event_type", "count", "routing_keys", "trace_id"],
        },
        "payload": {
            "type": "array",
            "minItems": 1,
            "maxItems": bundles.MOST,
            "items": {"anyOf": [_to("components", "schemas", row.event_type) for row in CHANNELS]},
        },
        "correlationId": {"location": "$message.header#/trace_id", "description": "Of the first event's frame."},
        "bindings": _amqp({"contentEncoding": "utf-8"}),
    }


def _messages() -> dict[str, Any]:
    return {name: _to("components", "messages", name) for name in (row.event_type for row in CHANNELS)}


def _embedded(found: schemas.Schema) -> schemas.Schema:
    """A schema with neither address nor dialect: what it says is the same in the draft 7 that AsyncAPI builds on."""
    return {key: value for key, value in found.items() if key not in ("$schema", "$id")}


def _queue(name: str) -> dict[str, Any]:
    return _amqp({"is": "queue", "queue": {"name": name, "durable": True, "exclusive": False, "autoDelete": False}})


def _amqp(found: dict[str, Any]) -> dict[str, Any]:
    return {"amqp": {**found, "bindingVersion": BINDINGS}}


def _to(*place: str) -> dict[str, str]:
    return {"$ref": "#/" + "/".join(place)}
