"""The broker's management interface: what AMQP does not tell of a queue, its limits and how old its oldest message is.

Source: RabbitMQ's HTTP API, `GET /api/queues/{vhost}`; `head_message_timestamp` of classic queues alone, from the property `timestamp`.
"""

from typing import Any
from urllib.parse import quote, unquote, urlsplit

import msgspec
import urllib3

from gateway.errors import SinkAway
from gateway.lanes.backlogs import Head, Limits

#: Of connecting, and of each wait for bytes; seconds.
TIMEOUT_S = 2.0
#: What is asked of each queue.
COLUMNS = "name,arguments,effective_policy_definition,head_message_timestamp,message_bytes"


class Management:
    """Of one virtual host. Raises SinkAway."""

    def __init__(self, url: str, broker_url: str) -> None:
        """url: without a path; user and password are the broker's where it names none."""
        parts, broker = urlsplit(url), urlsplit(broker_url)
        who = parts if parts.username else broker
        user, password = unquote(who.username or "guest"), unquote(who.password or "guest")
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        port = parts.port or (443 if parts.scheme == "https" else 80)
        virtual_host = quote(unquote(broker.path.removeprefix("/")) or "/", safe="")
        self._url = f"{parts.scheme}://{host}:{port}/api/queues/{virtual_host}?columns={COLUMNS}"
        self._headers = urllib3.make_headers(basic_auth=f"{user}:{password}")
        self._http = urllib3.PoolManager(timeout=TIMEOUT_S, retries=False)

    def heads(self) -> dict[str, Head]:
        """All queues of the virtual host."""
        try:
            answer = self._http.request("GET", self._url, headers=self._headers)
            if answer.status != 200:
                raise SinkAway(f"the management interface answers with HTTP {answer.status}; expected 200")
            rows = msgspec.json.decode(answer.data, type=list[dict[str, Any]])
        except urllib3.exceptions.HTTPError as fault:
            raise SinkAway(f"the management interface is away: {type(fault).__name__}") from fault
        except (msgspec.DecodeError, msgspec.ValidationError) as fault:
            raise SinkAway(f"the management interface answers with what is no list of queues: {fault}") from fault
        return {str(row.get("name")): _head(row) for row in rows}


def _head(row: dict[str, Any]) -> Head:
    """Where a policy and an argument both set a limit, the lower one holds."""
    given, policy = (
        found if isinstance(found, dict) else {} for found in (row.get("arguments"), row.get("effective_policy_definition"))
    )
    limits = (
        min((limit for limit in (given.get(f"x-{name}"), policy.get(name)) if isinstance(limit, int)), default=None)
        for name in ("max-length", "message-ttl", "max-length-bytes")
    )
    oldest_s, size_bytes = row.get("head_message_timestamp"), row.get("message_bytes")
    oldest_ms = oldest_s * 1000 if isinstance(oldest_s, int) and oldest_s > 0 else None
    return Head(Limits(*limits), oldest_ms, size_bytes if isinstance(size_bytes, int) else 0)
