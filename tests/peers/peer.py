"""A peer: somebody else's client in a process of its own, asked and answered in lines of JSON."""

import json
import os
import select
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

DRIVERS = Path(__file__).resolve().parent / "drivers"
#: Where the clients' libraries look for authorities: ssl's default contexts, requests, websocket-client.
TRUST = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "WEBSOCKET_CLIENT_CA_BUNDLE")
#: The longest that an answer may take; seconds. The first one waits for the client's imports, too.
ANSWER_S = 40.0
#: From the end of its input to the end of the process; seconds.
END_S = 10.0


class Peer:
    """Runs a driver: its first line of input is the job, each further one a question."""

    def __init__(self, python: Path, driver: str, folder: Path, *, ca_file: str, **job: Any) -> None:
        self._said = b""
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 # closed at the end
        self._process = subprocess.Popen(
            [str(python), str(DRIVERS / driver)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._words,
            cwd=folder,
            env={"PATH": os.environ["PATH"], "HOME": str(folder), **(dict.fromkeys(TRUST, ca_file) if ca_file else {})},
        )
        self._tell({**job, "ca_file": ca_file})

    def ask(self, **question: Any) -> Any:
        """The answer to a question; without one: all that the client has built so far."""
        self._tell(question)
        return json.loads(self._line())

    def call(self, method: str, **given: Any) -> Any:
        """The result, inside the exchange's envelope, of a method of pybit's HTTP client."""
        told = self.ask(call=method, given=given)
        assert told.get("answer", {}).get("retCode") == 0, (method, given, told)
        return told["answer"]["result"]

    def fault(self, method: str, **given: Any) -> tuple[str, int]:
        """The exception of a call that is refused, and the exchange's code."""
        told = self.ask(call=method, given=given)
        assert "fault" in told, (method, given, told)
        return told["fault"], told["code"]

    def end(self) -> None:
        """No more questions: the driver ends by itself, or is ended."""
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._words.close()

    def _tell(self, message: Any) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise AssertionError(f"the driver has ended: {self._last_words()}") from None

    def _line(self) -> bytes:
        assert self._process.stdout is not None
        until = time.monotonic() + ANSWER_S
        while b"\n" not in self._said:
            readable, _, _ = select.select([self._process.stdout], [], [], max(0.0, until - time.monotonic()))
            assert readable, f"no answer within {ANSWER_S:g} s: {self._last_words()}"
            found = os.read(self._process.stdout.fileno(), 1 << 20)
            assert found, f"the driver has ended: {self._last_words()}"
            self._said += found
        line, _, self._said = self._said.partition(b"\n")
        return line

    def _last_words(self) -> str:
        self._words.seek(0)
        return self._words.read().decode(errors="replace")[-2000:] or "it said nothing"
