"""ENDPOINTS: what each stream endpoint of the exchange allows and how it answers. One row an endpoint, one worker each."""

from dataclasses import dataclass
from typing import Literal

#: What the acknowledgement of a request carries, so that it can be matched.
#: REQ_ID: our `req_id` comes back. NAMES: a COMMAND_RESP lists the topics and no id.
AckMatch = Literal["req_id", "names"]

CATEGORIES = ("spot", "linear", "inverse", "option", "spread")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One stream URL of the exchange.

    name                    also the name of its supervisord program
    path                    below the WebSocket base URL
    category                of every frame; None where the rows name it, or nothing does
    authenticates           the login comes before the first subscribe
    topics_per_request      how many topics one subscribe or unsubscribe names
    topics_per_connection   None: no count limit
    characters              bound of the summed topic names of one connection; None: none documented
    ack_match               how an acknowledgement finds its request
    """

    name: str
    path: str
    category: str | None
    authenticates: bool
    topics_per_request: int
    topics_per_connection: int | None
    characters: int | None
    ack_match: AckMatch

    def exceeded(self, characters: int, count: int) -> str | None:
        """The limit that so many topics on one connection would break, in words; None: they fit. characters: of all their names."""
        if self.characters is not None and characters > self.characters:
            return f"{self.characters} characters of topics"
        if self.topics_per_connection is not None and count > self.topics_per_connection:
            return f"{self.topics_per_connection} topics"
        return None


#: Characters of all topic names on one public connection. Source: exchange docs, connect page (protocol notes, section 2).
PUBLIC_CHARACTERS = 21_000

#: Spot: documented 10. Elsewhere undocumented: 50 is what several observers had accepted (protocol notes, section 2).
#: Option: at most 2,000 topics a connection, documented.
ENDPOINTS: dict[str, Endpoint] = {
    row.name: row
    for row in (
        #        name       path                       category   auth   request  conn   characters         ack
        Endpoint("private", "/v5/private",             None,      True,  50,      None,  None,              "req_id"),
        Endpoint("spot",    "/v5/public/spot",         "spot",    False, 10,      None,  PUBLIC_CHARACTERS, "req_id"),
        Endpoint("linear",  "/v5/public/linear",       "linear",  False, 50,      None,  PUBLIC_CHARACTERS, "req_id"),
        Endpoint("inverse", "/v5/public/inverse",      "inverse", False, 50,      None,  PUBLIC_CHARACTERS, "req_id"),
        Endpoint("option",  "/v5/public/option",       "option",  False, 50,      2_000, PUBLIC_CHARACTERS, "names"),
        Endpoint("spread",  "/v5/public/spread",       "spread",  False, 50,      None,  PUBLIC_CHARACTERS, "names"),
        Endpoint("status",  "/v5/public/misc/status",  None,      False, 10,      None,  PUBLIC_CHARACTERS, "req_id"),
    )
}  # fmt: skip

#: Where each environment lives: public WebSocket, private WebSocket, REST. Source: protocol notes, section 1.1.
HOSTS: dict[str, tuple[str, str, str]] = {
    "mainnet": ("wss://stream.bybit.com", "wss://stream.bybit.com", "https://api.bybit.com"),
    "testnet": ("wss://stream-testnet.bybit.com", "wss://stream-testnet.bybit.com", "https://api-testnet.bybit.com"),
    "demo": ("wss://stream.bybit.com", "wss://stream-demo.bybit.com", "https://api-demo.bybit.com"),
    "simulator": ("ws://127.0.0.1:9700", "ws://127.0.0.1:9700", "http://127.0.0.1:9701"),
}

#: Regional mainnet hosts: WebSocket, REST. Source: protocol notes, section 1.1.
REGIONS: dict[str, tuple[str, str]] = {
    "tr": ("wss://stream.bybit.tr", "https://api.bybit.tr"),
    "kz": ("wss://stream.bybit.kz", "https://api.bybit.kz"),
    "id": ("wss://stream.bybit.id", "https://api.bybit.id"),
    "ge": ("wss://stream.bybitgeorgia.ge", "https://api.bybitgeorgia.ge"),
    "jp": ("wss://stream.manepa.jp", "https://api.manepa.jp"),
}
