"""`ws-gateway queues`: the queues as RabbitMQ has them, beside what our settings ask for; and one of them with our arguments."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing

import click
from rich.text import Text

from cli import running, screen
from gateway import config, queues
from gateway.config import Settings
from gateway.database import db, store
from gateway.disk import hold
from gateway.errors import MigrationError, RequestError
from gateway.health import state
from gateway.lanes.needs import Needs
from gateway.sinks.moving import Differences, Found, Moving
from gateway.sinks.topology import QueuePolicy


@click.group()
def command() -> None:
    """List queues, and give one that exists with other arguments ours."""


@command.command(name="list")
@click.option("--differ", is_flag=True, help="Only those whose arguments differ from our settings, or that are not there.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_queues(differ: bool, as_json: bool) -> None:
    """List the queues that are needed: how much waits, who reads, and which arguments are not those of our settings."""
    settings = running.settings()
    wanted, rows = needed(settings), []
    with screen.bar("asking RabbitMQ", len(wanted)) as bar:
        for name, found in look(settings, wanted):
            bar.add()
            if not differ or found is None or found.differs:
                rows.append((name, found))
    if as_json:
        for name, found in rows:
            print(json.dumps(_told(name, found)))
        return
    console = screen.console()
    columns = ("queue", "messages", "read by", "differs: its own → ours")
    console.print(screen.table(columns, [_cells(name, found) for name, found in rows], elastic=("queue", columns[-1])))
    differing = [found for _, found in rows if found is not None and found.differs]
    can_move = any(found.kind != "stream" for found in differing)
    console.print(
        f"{len(rows)} queues, {len(differing)} with other arguments than ours"
        + (": `ws-gateway queues rebuild QUEUE`" if can_move else "")
    )


@command.command()
@click.argument("queue")
def rebuild(queue: str) -> None:
    """Give QUEUE the arguments of our settings, with all that is in it, in order. Nobody may read it meanwhile; the router pauses."""
    settings = running.settings()
    config.require(settings, "DATABASE_URL", "BROKER_URL")
    if state.read_router(settings.var_dir) is None:
        raise RequestError(
            f"found no router that has run with {settings.var_dir}; expected to be where the router is, with its settings"
        )
    with closing(_store(settings)) as connection, store.locked_queue(connection, queue) as rows:
        needs = Needs(settings.class_queues, queues.needed(rows), queues.batched(rows))
        bindings = needs.bindings.get(queue)
        if bindings is None:
            raise RequestError(f"{queue} is no queue that is needed; expected one of `ws-gateway queues list`")
        with moving(settings) as talk, ExitStack() as until_moved:
            with screen.waiting("waiting for the router to pause"):
                until_moved.enter_context(hold.held(settings.var_dir))
            moved = _rebuild(talk, queue, bindings, batched=queue in needs.batched)
    print(f"{queue}: rebuilt with our arguments; {moved} messages are in it as before")


def _rebuild(talk: Moving, queue: str, bindings: Sequence[str], *, batched: bool) -> int:
    found = talk.find(queue, batched=batched)
    if found is None:
        raise RequestError(f"{queue} is not there; the router makes it within some seconds, with our arguments")
    with screen.bar(f"moving {found.messages} messages there and back", 2 * found.messages) as bar:
        return talk.rebuild(found, bindings, bar.add)


def needed(settings: Settings) -> dict[str, bool]:
    """The queues that are needed, and whether they get batches. Raises SettingError, StoreAway, MigrationError."""
    config.require(settings, "DATABASE_URL", "BROKER_URL")
    with closing(_store(settings)) as connection:
        rows = store.service_queues(connection)
    needs = Needs(settings.class_queues, queues.needed(rows), queues.batched(rows))
    return {queue: queue in needs.batched for queue in sorted(needs.bindings)}


def look(settings: Settings, wanted: Mapping[str, bool]) -> Iterator[tuple[str, Found | None]]:
    """How each queue is; None: it is not there. Raises SinkAway."""
    with moving(settings) as talk:
        for name, batched in wanted.items():
            yield name, talk.find(name, batched=batched)


def moving(settings: Settings) -> Moving:
    """A conversation with RabbitMQ about queues, with the arguments of our settings."""
    return Moving(settings.broker_url, QueuePolicy(settings.queue_type, settings.queue_ttl_ms, settings.queue_max_length))


def words(differs: Differences) -> str:
    """What differs, in one line."""
    return ", ".join(f"{name} {_word(own)} → {_word(ours)}" for name, (own, ours) in differs.items())


def _word(value: object) -> str:
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _store(settings: Settings) -> db.Connection:
    connection = db.connect(settings.database_url, name="ws-gateway queues")
    if not store.schema_is_current(connection):
        connection.close()
        raise MigrationError("found a database whose schema is not current; run `ws-gateway migrate` first")
    return connection


def _told(name: str, found: Found | None) -> dict[str, object]:
    if found is None:
        return {"queue": name, "exists": False}
    differs = {argument: {"own": own, "ours": ours} for argument, (own, ours) in found.differs.items()}
    return {"queue": name, "exists": True, "messages": found.messages, "consumers": found.consumers, "differs": differs}


def _cells(name: str, found: Found | None) -> tuple[str | Text, ...]:
    if found is None:
        return name, "-", "-", Text("it is not there", style="red")
    readers = Text(str(found.consumers)) if found.consumers else Text("nobody", style="dim")
    return name, str(found.messages), readers, Text(words(found.differs), style="yellow")
