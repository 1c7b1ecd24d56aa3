"""The prepare process: migrations and broker declarations, then it ends. The others wait for it. Safe to run twice, and at once."""

import logging
import random
import signal
import sys
import threading
from collections.abc import Callable, Sequence

from gateway import config, log
from gateway.backoff import Backoff
from gateway.config import Settings
from gateway.database import migrate
from gateway.errors import OurFault, SinkAway, StoreAway
from gateway.sinks.topology import QueuePolicy, Topology

logger = logging.getLogger(__name__)

#: The longest wait between tries while PostgreSQL or RabbitMQ is away; seconds.
CAP_S = 5.0
#: supervisord starts this process again after a failure, at once: what only a person can mend is tried no more often; seconds.
FAILED_REST_S = 5.0


def _migrate(settings: Settings) -> str:
    return f"migrations={','.join(migrate.migrate(settings.database_url)) or 'none'}"


def _declare(settings: Settings) -> str:
    policy = QueuePolicy(settings.queue_type, settings.queue_ttl_ms, settings.queue_max_length)
    with Topology(settings.broker_url, policy) as topology:
        topology.declare_base(settings.class_queues)
    return f"class_queues={len(settings.class_queues)}"


STEPS: tuple[tuple[str, Callable[[Settings], str]], ...] = (("schema_migrated", _migrate), ("broker_declared", _declare))


def run(settings: Settings, stopped: threading.Event) -> int:
    """Each step until it succeeds, for ever; 0 also when stopped while waiting. MigrationError passes through."""
    for done, step in STEPS:
        backoff = Backoff(CAP_S, random.random)
        while not stopped.is_set():
            try:
                logger.info("prepare %s %s", done, step(settings))
                break
            except (StoreAway, SinkAway) as fault:
                logger.warning("prepare waiting reason=%s", fault)
                stopped.wait(backoff.next_s())
    return 0


def main(_arguments: Sequence[str]) -> int:
    """Prepare, or say in one line why a person must act: 2 for a setting, 1 for a migration."""
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    signal.signal(signal.SIGINT, lambda *_: stopped.set())
    try:
        settings = config.load()
        config.require(settings, "DATABASE_URL", "BROKER_URL")
    except OurFault as fault:
        print(fault, file=sys.stderr, flush=True)  # noqa: T201 # before there is a log
        stopped.wait(FAILED_REST_S)
        return 2
    log.setup("prepare", settings.log_level)
    try:
        return run(settings, stopped)
    except OurFault as fault:
        logger.error("prepare failed reason=%s", fault)  # noqa: TRY400 # the sentence is whole; a traceback adds nothing
        stopped.wait(FAILED_REST_S)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
