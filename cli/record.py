"""`ws-gateway record`: write down what running workers and the exchange say to each other."""

import signal
import sys
import time
from pathlib import Path
from threading import Event, Thread
from types import FrameType

import click

from cli import running
from cli.client import Client
from gateway.config import Settings
from gateway.errors import GatewayError
from gateway.protocol.endpoints import ENDPOINTS
from gateway.recording import places
from gateway.recording.recorder import Recorder
from gateway.recording.writer import Writer

#: Workers look for recorders once a second, so all that run have come by then; seconds.
COME_S = 2.5
#: Between two lines of progress on a terminal; seconds.
SAY_S = 1.0


class Worker(click.ParamType[str]):
    """A worker's name."""

    name = "worker"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        endpoint, _, number = value.rpartition("_")
        if endpoint not in ENDPOINTS or not number.isdigit():
            self.fail(f"found {value!r}; expected a worker such as linear_00", param, ctx)
        return value


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--worker", "workers", type=Worker(), multiple=True, help="This one only, e.g. linear_00; as often as needed.")
@click.option("--seconds", type=click.FloatRange(min=0.1), help="End after so long.")
@click.option("--max-bytes", type=click.IntRange(min=1), help="End when the file is so large.")
@click.option("--resync", is_flag=True, help="Have all topics subscribed anew first, so that books and tickers begin whole.")
def command(file: Path, workers: tuple[str, ...], seconds: float | None, max_bytes: int | None, resync: bool) -> None:
    """Record the raw frames of running workers into FILE until Ctrl-C; none is restarted, none waits. Ends with 1 when some are missing."""
    settings = running.settings()
    stop, began = Event(), time.monotonic()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    writer = Writer(file)
    try:
        recorder = Recorder(settings.var_dir, writer, workers or (places.ALL,))
    except (GatewayError, OSError):
        file.unlink()
        raise
    if resync:
        Thread(target=_resync, args=(settings, stop), daemon=True).start()
    said = Progress(recorder)

    def is_over() -> bool:
        said.look()
        too_long = seconds is not None and time.monotonic() - began >= seconds
        return stop.is_set() or too_long or (max_bytes is not None and writer.tally.end >= max_bytes)

    try:
        recorder.run(is_over)
    finally:
        recorder.close()
        writer.close()
    said.last()
    sys.exit(1 if writer.tally.lost else 0)


class Progress:
    """What a person sees of it, on stderr: one line that is written over on a terminal, else only what changes."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._began = self._said_at = time.monotonic()
        self._trouble: str | None = None
        self._is_alone = False

    def look(self) -> None:
        now, trouble = time.monotonic(), self._recorder.writer.trouble
        if trouble != self._trouble:
            self._trouble = trouble
            words = f"the disk takes nothing: {trouble}" if trouble else "the disk takes it again"
            click.echo(f"{words}; {self._recorder.writer.tally.lost} entries are not recorded", err=True)
        if not self._is_alone and not self._recorder.heard and now - self._began >= COME_S:
            self._is_alone = True
            click.echo("no worker has come yet: is the gateway running, with this var folder?", err=True)
        if sys.stderr.isatty() and now - self._said_at >= SAY_S:
            self._said_at = now
            click.echo(f"\r{self._words()}", nl=False, err=True)

    def last(self) -> None:
        click.echo(("\r" if sys.stderr.isatty() else "") + self._words(), err=True)

    def _words(self) -> str:
        tally, heard = self._recorder.writer.tally, self._recorder.heard
        names = ", ".join(sorted(heard)) or "nobody"
        lost = f", {tally.lost} not recorded" if tally.lost else ""
        return f"{time.monotonic() - self._began:.0f} s: {sum(heard.values())} entries of {names}, {tally.end} bytes{lost}"


def _resync(settings: Settings, stop: Event) -> None:
    """Once the workers have come."""
    if stop.wait(COME_S):
        return
    try:
        client, done = Client(settings), 0
        found = client.all_of("/api/v1/subscriptions", "subscriptions", is_active="true")
        for identity in {row["topic"]: row["id"] for row in found if "*" not in (row["symbol"] or "")}.values():
            done += client.ask("POST", f"/api/v1/subscriptions/{identity}/resync")[0] == 202
    except GatewayError as fault:
        click.echo(f"topics could not be subscribed anew: {fault}", err=True)
    else:
        click.echo(f"{done} topics are subscribed anew", err=True)
