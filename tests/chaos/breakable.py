"""Private servers that a test can break in ways that the gateway's own `stop` and `kill` do not know."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2

from gateway import db
from gateway.servers import Postgres, RabbitMQ
from gateway.servers.rabbitmq import find_binaries

#: A command of the broker's starts a virtual machine of its own; seconds.
COMMAND_S = 60.0
#: The default of RabbitMQ 3.10: alarm at this share of the machine's memory.
NO_ALARM = "0.4"


class Broker(RabbitMQ):
    """A RabbitMQ node with its own command line."""

    def control(self, *words: str) -> str:
        """What `rabbitmqctl` says. Raises CalledProcessError."""
        folder = find_binaries()
        assert folder is not None
        command = [str(folder / "rabbitmqctl"), "--node", "ws-gateway@localhost", "--quiet", *words]
        environ = {name: value for name, value in self._environment().items() if not name.endswith("_ERL_ARGS")}
        done = subprocess.run(command, env=environ, cwd=self.folder, capture_output=True, text=True, timeout=COMMAND_S, check=True)
        return done.stdout

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
