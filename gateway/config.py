"""SETTINGS: every setting, its default and its rule.

Environment variables win over `.env`; `NAME_FILE` names a file that holds the value of a secret.

A bad value raises SettingError with one sentence: the variable, what was found, what was expected.
"""

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dotenv import dotenv_values

from gateway import parsers
from gateway.errors import SettingError
from gateway.parsers import Parse
from gateway.protocol.endpoints import CATEGORIES, HOSTS, REGIONS


@dataclass(frozen=True, slots=True)
class Setting:
    """One environment variable.

    parse     text → value; raises ValueError when it does not fit
    expected  completes the sentence "expected …"
    secret    never shown in a message or a log; may be given as NAME_FILE
    """

    name: str
    default: str
    parse: Parse
    expected: str
    meaning: str
    secret: bool = False


#: Source of names, defaults and meanings: the public contract, section 2.
SETTINGS: tuple[Setting, ...] = (
    Setting("BYBIT_ENVIRONMENT", "mainnet", parsers.one_of(*HOSTS), "one of " + ", ".join(HOSTS),
            "Which exchange. demo: private stream and REST on the demo hosts, public streams on the mainnet hosts. `make run` uses simulator."),
    Setting("BYBIT_REGION", "", parsers.one_of("", *REGIONS), "empty or one of " + ", ".join(REGIONS),
            "Regional mainnet hosts."),
    Setting("BYBIT_API_KEY", "", parsers.any_text, "the exchange's API key", "For the private endpoint only.", secret=True),
    Setting("BYBIT_API_SECRET", "", parsers.any_text, "the exchange's API secret", "A PEM private key signs with RSA.", secret=True),
    Setting("BYBIT_WS_URL", "", parsers.base_url("ws", "wss"), "a ws:// or wss:// URL without a path",
            "Base URL of all streams, instead of the environment's."),
    Setting("BYBIT_REST_URL", "", parsers.base_url("http", "https"), "an http:// or https:// URL without a path",
            "Base URL of the REST calls, instead of the environment's."),
    Setting("BYBIT_CA_FILE", "", parsers.any_text, "the path of a PEM file", "A further certificate authority for the exchange."),
    Setting("BYBIT_PROXY", "", parsers.url("http", "socks5h"), "an http:// or socks5h:// URL", "Proxy to the exchange; never bypassed."),
    Setting("DATABASE_URL", "", parsers.postgres, "a postgresql:// URL", "PostgreSQL. `make run` starts a private one.", secret=True),
    Setting("BROKER_URL", "", parsers.url("amqp", "amqps"), "an amqp:// or amqps:// URL", "RabbitMQ. `make run` starts a private one.", secret=True),
    Setting("BROKER_MANAGEMENT_URL", "", parsers.base_url("http", "https"), "an http:// or https:// URL without a path",
            "RabbitMQ's management interface, which tells how old waiting messages are; user and password are BROKER_URL's unless it names some.",
            secret=True),
    Setting("WS_GATEWAY_ACCOUNT", "main", parsers.label, "1 to 100 letters, digits, `_`, `.`, `-`",
            "Label of the exchange account, in every private event and row."),
    Setting("WS_GATEWAY_HOST", "127.0.0.1", parsers.any_text, "a host name or address", "Where the control API listens."),
    Setting("WS_GATEWAY_PORT", "4400", parsers.whole(1, 65535), "a whole number from 1 to 65535", "Port of the control API."),
    Setting("WS_GATEWAY_API_KEY", "", parsers.api_key, "1 to 1000 visible ASCII characters, with spaces at most between them",
            "The administrator's API key; generated once into the var folder when empty.", secret=True),
    Setting("WS_GATEWAY_VAR_DIR", "./var", parsers.any_text, "a path", "Sockets, states, journals, spool, logs, private servers' data."),
    Setting("WS_GATEWAY_BUS_URL", "", parsers.bus_url, "empty, or tcp://host:port",
            "Where the router listens for the workers of other machines, and they find it; empty: a Unix socket in the var folder."),
    Setting("WS_GATEWAY_BUS_KEY", "", parsers.curve_key, "64 hexadecimal digits, as `ws-gateway buskeys` prints them",
            "This machine's secret key on the bus.", secret=True),
    Setting("WS_GATEWAY_BUS_ROUTER_KEY", "", parsers.curve_key, "64 hexadecimal digits, as `ws-gateway buskeys` prints them",
            "The public key of the router's machine; on all machines."),
    Setting("WS_GATEWAY_BUS_ALLOWED_KEYS", "", parsers.curve_keys, "keys of 64 hexadecimal digits, separated by commas",
            "Public keys of the other machines, on the router's; its own is always allowed."),
    Setting("WS_GATEWAY_SPOOL_MAX_BYTES", "2GiB", parsers.size, "bytes, or a number with KiB, MiB or GiB", "Bound of each spool and journal."),
    Setting("WS_GATEWAY_LOG_LEVEL", "INFO", parsers.one_of("DEBUG", "INFO", "WARNING", "ERROR"), "DEBUG, INFO, WARNING or ERROR",
            "What is logged."),
    Setting("WS_GATEWAY_ENABLED_CATEGORIES", ",".join(CATEGORIES), parsers.words(CATEGORIES), "categories out of " + ", ".join(CATEGORIES),
            "A subscription for another category is refused."),
    Setting("WS_GATEWAY_DEFAULT_CATEGORY", "linear", parsers.one_of(*CATEGORIES), "one of " + ", ".join(CATEGORIES),
            "Used where a symbol fits several categories and none was given."),
    Setting("WS_GATEWAY_OPTION_BASE_COINS", "BTC,ETH,SOL", parsers.coins, "coins, separated by commas", "Whose options the catalog loads."),
    Setting("WS_GATEWAY_POLL_SECONDS", "1", parsers.seconds(0.05, 60), "seconds from 0.05 to 60",
            "How often workers read the wanted subscriptions; a database notification wakes them at once."),
    Setting("WS_GATEWAY_INCLUDE_RAW", "private", parsers.one_of("off", "private", "all"), "off, private or all",
            "Which events carry the exchange's record, unchanged, under payload.raw."),
    Setting("WS_GATEWAY_BOOK_CONTINUITY", "on", parsers.switch, "on or off",
            "Whether a book's change must bring the next update id; off where the exchange should number otherwise, which it has not promised against."),
    Setting("WS_GATEWAY_CLASS_QUEUES", "all", parsers.class_queues, "all, none, or event types separated by commas",
            "The event types whose class queue is declared."),
    Setting("WS_GATEWAY_QUEUE_TYPE", "classic", parsers.one_of("classic", "quorum", "stream"), "classic, quorum or stream",
            "Type of the queues declared from now on; a stream keeps by age and bytes only."),
    Setting("WS_GATEWAY_QUEUE_TTL_MS", "86400000", parsers.whole(1, 10**12), "milliseconds, at least 1",
            "How long a message waits in a queue declared from now on."),
    Setting("WS_GATEWAY_QUEUE_MAX_LENGTH", "100000", parsers.whole(1, 10**12), "a whole number, at least 1",
            "How many messages a queue declared from now on keeps; one of batches also at most 10,000 bytes for each."),
    Setting("WS_GATEWAY_BALANCE_RETENTION_DAYS", "0", parsers.whole(0, 100_000), "days; 0 keeps all", "Pruning of balances."),
    Setting("WS_GATEWAY_RECORDS_RETENTION_DAYS", "30", parsers.whole(1, 100_000), "days, at least 1",
            "Pruning of gaps, occurrences, the audit, dead letters."),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one process, read once by its main and handed on as values."""

    environment: str
    region: str
    api_key: str
    api_secret: str
    ws_url: str
    rest_url: str
    ca_file: str
    proxy: str
    database_url: str
    broker_url: str
    management_url: str
    account: str
    host: str
    port: int
    admin_key: str
    var_dir: Path
    bus_url: str
    bus_key: str
    bus_router_key: str
    bus_allowed_keys: tuple[str, ...]
    spool_max_bytes: int
    log_level: str
    enabled_categories: tuple[str, ...]
    default_category: str
    option_base_coins: tuple[str, ...]
    poll_seconds: float
    include_raw: str
    book_continuity: bool
    class_queues: tuple[str, ...]
    queue_type: str
    queue_ttl_ms: int
    queue_max_length: int
    balance_retention_days: int
    records_retention_days: int

    @property
    def has_credentials(self) -> bool:
        return bool(self.api_key and self.api_secret)

    @property
    def bus_address(self) -> str:
        """Where the router listens. The path of a Unix socket holds at most 107 bytes."""
        return self.bus_url or f"ipc://{self.var_dir / 'bus.sock'}"

    def websocket_base(self, *, private: bool) -> str:
        """The base URL under which an endpoint's path lies."""
        if self.ws_url:
            return self.ws_url
        if self.region:
            return REGIONS[self.region][0]
        return HOSTS[self.environment][1 if private else 0]

    @property
    def rest_base(self) -> str:
        if self.rest_url:
            return self.rest_url
        return REGIONS[self.region][1] if self.region else HOSTS[self.environment][2]


def load(environ: Mapping[str, str] | None = None, dotenv: Path | None = None) -> Settings:
    """Read all settings.

    environ  the process's environment when None
    dotenv   `.env` of the working directory when None
    Raises SettingError.
    """
    environ = os.environ if environ is None else environ
    from_file = _read_dotenv(dotenv or Path(".env"))
    values = [_value(setting, _given(setting, environ, from_file)) for setting in SETTINGS]
    var_dir = SETTINGS.index(next(row for row in SETTINGS if row.name == "WS_GATEWAY_VAR_DIR"))
    values[var_dir] = Path(values[var_dir]).absolute()
    settings = Settings(*values)
    _check_together(settings)
    return settings


def given(dotenv: Path | None = None) -> dict[str, str]:
    """Every variable of `.env` and of the environment that is not empty; the environment wins. Raises SettingError."""
    found = {**_read_dotenv(dotenv or Path(".env")), **os.environ}
    return {name: value for name, value in found.items() if value}


def require(settings: Settings, *names: str) -> None:
    """Raise SettingError unless each of these settings, which default to nothing, was given."""
    for row, value in zip(SETTINGS, (getattr(settings, field) for field in settings.__slots__), strict=True):
        if row.name in names and not value:
            raise SettingError(f"{row.name} is empty; expected {row.expected}")


def _read_dotenv(path: Path) -> dict[str, str]:
    try:
        return {name: value for name, value in dotenv_values(path).items() if value is not None}
    except (OSError, UnicodeDecodeError) as fault:
        raise SettingError(f"{path} cannot be read ({fault}); expected lines NAME=value in UTF-8") from fault


def _given(setting: Setting, environ: Mapping[str, str], from_file: Mapping[str, str]) -> Mapping[str, str]:
    """Where the setting is looked for: NAME and NAME_FILE of the environment hide both of `.env`."""
    names = (setting.name, f"{setting.name}_FILE") if setting.secret else (setting.name,)
    return environ if any(name in environ for name in names) else from_file


def _value(setting: Setting, given: Mapping[str, str]) -> Any:
    text = given.get(setting.name) or None
    path = given.get(f"{setting.name}_FILE") if setting.secret else None
    if path and text is None:
        try:
            text = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as fault:
            raise SettingError(f"{setting.name}_FILE is {path!r}, which cannot be read ({fault}); expected a file") from fault
    try:
        return setting.parse(setting.default if text is None else text)
    except ValueError:
        found = "a value that cannot be used (not shown: it is a secret)" if setting.secret else _shown(text or "")
        raise SettingError(f"{setting.name} is {found}; expected {setting.expected}") from None


def _check_together(settings: Settings) -> None:
    if bool(settings.api_key) != bool(settings.api_secret):
        missing = "BYBIT_API_SECRET" if settings.api_key else "BYBIT_API_KEY"
        raise SettingError(f"{missing} is empty; expected BYBIT_API_KEY and BYBIT_API_SECRET both or neither")
    if settings.region and settings.environment != "mainnet":
        raise SettingError(f"BYBIT_REGION is {settings.region!r} with BYBIT_ENVIRONMENT {settings.environment!r}; expected mainnet")
    if settings.ca_file and not Path(settings.ca_file).is_file():
        raise SettingError(f"BYBIT_CA_FILE is {settings.ca_file!r}, which is no file; expected the path of a PEM file")
    if settings.bus_url and not (settings.bus_key and settings.bus_router_key):
        missing = "WS_GATEWAY_BUS_KEY" if not settings.bus_key else "WS_GATEWAY_BUS_ROUTER_KEY"
        if settings.bus_key or settings.bus_router_key or not _is_loopback(urlsplit(settings.bus_url).hostname or ""):
            raise SettingError(
                f"{missing} is empty; expected a key on a bus between machines, or WS_GATEWAY_BUS_URL on loopback without any"
            )
    if settings.has_credentials:
        for name, url in (("BYBIT_WS_URL", settings.websocket_base(private=True)), ("BYBIT_REST_URL", settings.rest_base)):
            parts = urlsplit(url)
            if parts.scheme in ("ws", "http") and not _is_loopback(parts.hostname or ""):
                raise SettingError(
                    f"{name} is {_shown(url)}; expected wss:// or https:// when credentials are set and the host is not loopback"
                )


def _shown(text: str) -> str:
    """For a message: a URL of a proxy or a host may carry a password."""
    return repr(re.sub(r"(?<=//).*@", "…@", text, flags=re.DOTALL))


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
