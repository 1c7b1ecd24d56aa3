"""EXAMPLES: of each command, some that work. They stand below its `--help`; a test has the parser read every one."""

#: Command → (arguments, what they do).
EXAMPLES: dict[str, tuple[tuple[str, str], ...]] = {
    "up": (
        ("", "everything here, against a simulated exchange"),
        ("--scenario busy --seed 7", "a livelier one, the same each time"),
    ),
    "migrate": (("", "before the gateway starts, or while it waits for it"), ("--to 9", "take back all migrations above 9")),
    "keys create": (
        ("dashboard", "a key that may read"),
        ("strategy-a --scope write --service strategy-a", "one that may change its own subscriptions"),
    ),
    "keys list": (("", "all keys"), ("--json", "one JSON object a line")),
    "keys revoke": (("dashboard", "end the key of that name"),),
    "simulate": (("--ws-port 9700 --rest-port 9701", "a simulated exchange on these ports"),),
    "replay": (
        ("monday.wsrec", "a recording, as fast as it was, as an exchange for workers"),
        ("monday.wsrec --speed max", "as fast as they read"),
    ),
    "record": (
        ("monday.wsrec", "what all running workers read and send, until Ctrl-C"),
        ("monday.wsrec --worker linear_00 --seconds 60", "of one worker, for a minute"),
    ),
    "status": (
        ("", "is it connected, how late, is anything lost, is anybody reading"),
        ("--watch", "the same, every two seconds"),
        ("--json", "for scripts: the answer of GET /health"),
        ("--slo --json", "the success measures, for scripts"),
    ),
    "drained": (
        ("", "wait until RabbitMQ and PostgreSQL have all that was read"),
        ("--within 300", "for five minutes at the most"),
    ),
    "doctor": (("", "what is wrong, and what to do"), ("--json", "one JSON object a finding")),
    "subscribe": (
        ("trades BTCUSDT --category linear --service my-service", "the trades of one symbol"),
        ("ticker 'BTC*' --category spot --service my-service", "of all that begin so, listings to come included"),
        ("order --service my-service", "the account's orders"),
    ),
    "unsubscribe": (("3f2a91c0", "by an id, or the begin of one that `list` shows"), ("--service my-service", "all of a service")),
    "apply": (("my-service wishes.json --dry-run", "what would change"), ("my-service wishes.json", "make it so")),
    "resync": (("3f2a91c0", "a fresh snapshot of that topic"),),
    "list": (
        ("", "all active subscriptions"),
        ("--service my-service --state refused", "those of a service that the exchange refused"),
    ),
    "gaps": (
        ("--open", "what may be missing just now"),
        ("--topic publicTrade.BTCUSDT --from 2026-01-01", "of one topic, since then"),
    ),
    "queues list": (("", "all queues, and what differs from our settings"), ("--differ", "only those that differ")),
    "queues rebuild": (("ws-gateway.trade.my-service", "with our arguments, and all that is in it"),),
    "tail": (
        ("", "every event, as it comes"),
        ("--type trade --type liquidation --symbol 'BTC*'", "of some types and symbols"),
        ("--rates", "how many a second, instead of the events"),
        ("--json --count 10", "ten envelopes, for a script"),
    ),
}


def epilog(words: str) -> str:
    """Below the help of the command `words`."""
    given = [(f"ws-gateway {words} {arguments}".rstrip(), what) for arguments, what in EXAMPLES[words]]
    width = max(len(command) for command, _ in given)
    return "\b\nExamples:\n" + "\n".join(f"  {command:<{width}}  {what}" for command, what in given)
