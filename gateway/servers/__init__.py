"""Private servers for `make run` and for tests: a RabbitMQ node and a PostgreSQL, on loopback, with their data in one folder.

Production sets BROKER_URL and DATABASE_URL instead.
"""

from gateway.servers.postgres import Postgres
from gateway.servers.rabbitmq import RabbitMQ
from gateway.servers.server import Report, Server, quiet

__all__ = ["Postgres", "RabbitMQ", "Report", "Server", "quiet"]
