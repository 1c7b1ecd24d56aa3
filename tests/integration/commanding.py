"""`ws-gateway` beside a running gateway, as in a second terminal: to a pipe, or on a terminal of so many columns."""

import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from contextlib import suppress
from fcntl import ioctl

from running import ROOT, RunningGateway

Done = subprocess.CompletedProcess[str]


def command(gateway: RunningGateway, *arguments: str, **settings: str) -> Done:
    """To a pipe."""
    return subprocess.run(
        [sys.executable, "-m", "cli.main", *arguments],
        cwd=gateway.folder, env={**gateway.environ, **settings}, capture_output=True, text=True, check=False, timeout=90,
    )  # fmt: skip


class Terminal:
    """A command on a terminal of its own; stderr is on it, too."""

    def __init__(self, gateway: RunningGateway, *arguments: str, columns: int = 80, rows: int = 60, **settings: str) -> None:
        self._master, slave = pty.openpty()
        ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        environ = {**gateway.environ, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT), **settings}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cli.main", *arguments],
            cwd=gateway.folder, env=environ, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
        )  # fmt: skip
        os.close(slave)
        self.text = ""

    def read_until(self, claim: Callable[[str], bool], seconds: float = 30.0) -> str:
        """All that was shown until the claim is true of it, or until the command has ended."""
        until = time.monotonic() + seconds
        while not claim(self.text):
            assert time.monotonic() < until, self.text
            if select.select([self._master], [], [], 0.2)[0]:
                more = b""
                with suppress(OSError):  # how a terminal ends whose command has
                    more = os.read(self._master, 65_536)
                if not more:
                    return self.text
                self.text += more.decode(errors="replace")
        return self.text

    def read_all(self) -> str:
        shown = self.read_until(lambda _text: False, 60.0)
        self.process.wait(10)
        return shown

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._master)
