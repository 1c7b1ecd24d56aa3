"""Private servers that a test can break in ways that the gateway's own `stop` and `kill` do not know."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2

from gateway.database import db
from gateway.servers import Postgres, RabbitMQ

#: The default of RabbitMQ 3.10: alarm at this share of the machine's memory.
NO_ALARM = "0.4"


class Broker(RabbitMQ):
    """A RabbitMQ node."""

    def raise_alarm(self) -> None:
        """Out of memory, it says: publishers are blocked until `end_alarm`."""
        self.control("set_vm_memory_high_watermark", "absolute", "1")

    def end_alarm(self) -> None:
        self.control("set_vm_memory_high_watermark", NO_ALARM)

    def heal(self) -> None:
        """As good as new, whatever was done to it."""
        if not self.is_running():
            self.kill()
            self.start()
        elif not self._accepts():
            self.control("start_app")
        self.end_alarm()


class Store(Postgres):
    """A PostgreSQL whose tables can be held."""

    @contextmanager
    def held(self, url: str, table: str) -> Iterator[None]:
        """Nobody else reads or writes the table meanwhile."""
        connection = psycopg2.connect(url)
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"lock table {table} in access exclusive mode")
            yield
        finally:
            connection.close()

    def heal(self) -> None:
        if not self.is_running():
            self.kill()
            self.start()

    def new_database(self, name: str) -> str:
        db.create_database(self.url, name)
        return self.url.rsplit("/", 1)[0] + f"/{name}"
