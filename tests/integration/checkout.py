"""A checkout of its own, as a newcomer has it: the project's files, `make run`, and a shell that goes through a document's blocks."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from running import ROOT, wait_for

from gateway.servers.server import free_ports
from tests.pages import Block

GREETING = "The gateway is up"
FAREWELL = "stopped; nothing is left running"
#: The port that the documents write.
PORT = "4400"
#: Ends a block's output, with its exit code.
END = "@@block ended@@"


class Checkout:
    """`folder` must be short: it holds Unix sockets. Installed already: `.venv` leads to the environment of the tests."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        listed = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        for name in listed.stdout.splitlines():
            if not name.startswith("tests/") and (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)
        (folder / ".venv").mkdir()
        for part in ("bin", "lib", "pyvenv.cfg"):
            (folder / ".venv" / part).symlink_to(Path(sys.prefix) / part)
        (folder / ".venv" / ".installed").touch()
        self.port = free_ports(1)[0]
        self.environ = {
            "PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(folder), "WS_GATEWAY_PORT": str(self.port), **settings,
        }  # fmt: skip
        self._output = folder / "run.log"
        self._run: subprocess.Popen[bytes] | None = None
        self._shell: subprocess.Popen[str] | None = None

    def run(self, command: str) -> None:
        """What stands in the first terminal; returns once the gateway greets."""
        with self._output.open("ab") as stream:
            started = self._run = subprocess.Popen(
                ["bash", "-c", command], cwd=self.folder, env=self.environ, stdout=stream, stderr=stream, start_new_session=True
            )

        def greeted() -> bool:
            assert started.poll() is None, self._output.read_text()
            return GREETING in self._output.read_text()

        wait_for(greeted, lambda: f"greeted: {self._output.read_text()}", 110.0)

    def execute(self, block: Block) -> str:
        """The output of a block in the second terminal, whose variables stay; fails unless each of its commands succeeds."""
        if self._shell is None:
            environ = {name: text for name, text in self.environ.items() if name != "WS_GATEWAY_PORT"}
            self._shell = subprocess.Popen(
                ["bash", "--noprofile", "--norc"], cwd=self.folder, env=environ, text=True, stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        script = self.folder / "block.sh"
        script.write_text(f"set -eo pipefail\n{block.text.replace(PORT, str(self.port))}")
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        # The block runs in the shell itself, so that its variables stay; what fails ends the shell.
        self._shell.stdin.write(f"trap 'echo {END} $?' EXIT\n. ./block.sh\nset +e\necho {END} 0\n")
        self._shell.stdin.flush()
        said: list[str] = []
        for line in self._shell.stdout:
            if line.startswith(END):
                assert line.split()[-1] == "0", f"the block in line {block.line} failed: {block.text}\n{''.join(said)}"
                return "".join(said)
            said.append(line)
        raise AssertionError(f"the shell ended in the block of line {block.line}: {''.join(said)}")

    def interrupt(self) -> None:
        """Ctrl-C in the first terminal; returns once the gateway has said that nothing is left."""
        assert self._run is not None
        os.killpg(self._run.pid, signal.SIGINT)
        self._run.wait(60)
        wait_for(lambda: FAREWELL in self._output.read_text(), lambda: f"stopped: {self._output.read_text()}", 60.0)

    def end(self) -> None:
        if self._shell is not None and self._shell.poll() is None:
            self._shell.kill()
            self._shell.wait()
        if self._run is not None and self._run.poll() is None:
            self.interrupt()


def as_promised(promise: str, said: str) -> str | None:
    """The first line of a promise that the output lacks, in order; None: it has them all. `…` is anything, alone in a line any lines."""
    lines = iter(said.splitlines())
    for promised in promise.splitlines():
        form = re.compile(
            r"\s*" + ".*".join(re.escape(part.strip()) if part.strip() else r"\s*" for part in promised.split("…")) + r"\s*"
        )
        if promised.strip() != "…" and not any(form.fullmatch(line) for line in lines):
            return promised
    return None
