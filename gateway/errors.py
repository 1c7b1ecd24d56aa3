"""Every error of ours, split by whose fault it is and so by the remedy.

GatewayError
├── OurFault            never retried: somebody must change something
│   ├── SettingError    a setting or a combination of settings
│   ├── RequestError    a REST or command-line request; carries the contract's code word
│   ├── MigrationError  the schema and the migrations disagree
│   ├── ServerError     a private server cannot be installed or started
│   ├── RecordingDamaged  a recording that cannot be read, or not to its end
│   └── StoreRefused    a statement that PostgreSQL will never accept
├── TheirFault          the exchange said no; asked again with backoff
│   ├── ExchangeError   a REST answer with a code other than 0
│   │   └── CredentialsRefused  … that a person must mend: the key, its secret or its rights
│   └── NotCredible     an answer that cannot be true
└── LineFault           something is away: reconnect, keep what is not handed over
    ├── LinkLost        the exchange's socket
    │   └── NotAsked    a REST call that was not sent: the budget is used up, or the address banned
    ├── SpoolFull       a spool or journal on disk has no room
    ├── SinkAway        the broker or PostgreSQL, as a sink of events
    └── StoreAway       PostgreSQL, as the place of wishes
        ├── StoreUnready    it answers, but not as our database
        └── StoreBusy       all connections of this process are in use
"""


class GatewayError(Exception):
    """Root of all errors that the gateway raises on purpose."""


class OurFault(GatewayError):
    """Not retried: a person changes a setting, a request or the code."""


class SettingError(OurFault):
    """A setting that cannot be used. The message names the variable, what was found and what was expected."""


class RequestError(OurFault):
    """A request that cannot be carried out.

    code     the contract's word, e.g. UNKNOWN_SYMBOL
    status   the HTTP status it answers with
    details  further facts for machines, JSON types only
    """

    def __init__(
        self, message: str, *, code: str = "INVALID_REQUEST", status: int = 400, details: dict[str, object] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.details = details or {}


class MigrationError(OurFault):
    """A migration file or the recorded version cannot be used."""


class ServerError(OurFault):
    """A private RabbitMQ or PostgreSQL cannot be installed or started; the message says what a person can do."""


class RecordingDamaged(OurFault):
    """A file that is no recording, or one that is cut off or damaged; the message says where."""


class StoreRefused(OurFault):
    """A statement or a value that PostgreSQL will never accept; the same again would be refused again."""


class TheirFault(GatewayError):
    """The exchange refused; asked again later."""


class ExchangeError(TheirFault):
    """A REST answer with a `retCode` other than 0.

    ret_code  the exchange's number, e.g. 10003
    ret_msg   the exchange's words
    """

    def __init__(self, ret_code: int, ret_msg: str) -> None:
        super().__init__(f"the exchange answered {ret_code}: {ret_msg}")
        self.ret_code = ret_code
        self.ret_msg = ret_msg


class CredentialsRefused(ExchangeError):
    """A signed call that the exchange will not answer before a person has changed something.

    words  what is wrong and what to do, one sentence for that person
    """

    def __init__(self, ret_code: int, ret_msg: str, words: str) -> None:
        super().__init__(ret_code, ret_msg)
        self.words = words


class NotCredible(TheirFault):
    """An answer that cannot be true, such as a catalog without any instrument; nothing is changed for its sake."""


class LineFault(GatewayError):
    """Something is away; it comes back."""


class LinkLost(LineFault):
    """The exchange's socket closed, broke or fell silent."""


class NotAsked(LinkLost):
    """A REST call that was not sent, so that this address is not banned, or because it is."""


class SpoolFull(LineFault):
    """A record cannot be kept on disk: the bound is reached, or the disk refuses. It can once something was released."""


class SinkAway(LineFault):
    """A sink cannot take records now."""


class StoreAway(LineFault):
    """PostgreSQL cannot be asked now."""


class StoreUnready(StoreAway):
    """PostgreSQL answers without our tables, without our rights or without writing; the same statement works once that is mended."""


class StoreBusy(StoreAway):
    """Every connection to PostgreSQL that this process may have is in use, and has been for too long."""
