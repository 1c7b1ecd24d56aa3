"""A container of an image without an engine: read-only, as the image's user, without any capability, as docker-compose.yml has it."""

import json
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.deploy.clean_root import ALONE, Root

#: Inside: the image read-only; its volume, each of its secrets, a /tmp and a /dev/shm in memory are what lies outside of it.
READ_ONLY = """
root=$1; volume=$2; secrets=$3; names=$4; shift 4
mount --bind "$root" "$root" && mount -t proc proc "$root/proc" && mount --bind /dev "$root/dev" &&
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm" && mount -t tmpfs -o mode=1777 tmpfs "$root/tmp" && mount --bind "$volume" "$root/app/var" && mount -t tmpfs -o mode=755 tmpfs "$root/run/secrets" || exit 125
for name in $names; do
    touch "$root/run/secrets/$name" && mount --bind "$secrets/$name" "$root/run/secrets/$name" || exit 125
done
mount -o remount,bind,ro "$root" && exec chroot "$root" "$@"
"""


class Container:
    """One run of an image's command.

    volume   the folder that stands for the volume at /app/var; the user of the image gets it
    secrets  a folder, and the names of those of its files that are at /run/secrets
    environ  besides the image's own
    """

    def __init__(self, root: Root, folder: Path, secrets: tuple[Path, Sequence[str]], environ: Mapping[str, str]) -> None:
        self._root, self._environ = root, {**root.environ, **environ}
        self._secrets = [str(secrets[0]), " ".join(secrets[1])]
        self._volume, self.output = folder / "volume", folder / "output"
        self._volume.mkdir()
        self.output.touch()
        user, _, group = root.user.partition(":")
        self._user, self._group = int(user), int(group)
        for path in (self._volume, self.output):
            os.chown(path, self._user, self._group)
        root.at("/run/secrets").mkdir(exist_ok=True)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, words: Sequence[str]) -> None:
        with self.output.open("ab") as stream:
            self._process = subprocess.Popen(self._command(words), stdin=subprocess.DEVNULL, stdout=stream, stderr=stream)

    def execute(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Another command beside it, as `docker exec` and a health check do."""
        return subprocess.run(
            self._command(words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )

    def said(self) -> str:
        return self.output.read_text(errors="replace")

    def lines(self) -> list[dict[str, str]]:
        """Those lines of its output that are JSON: the logs of the processes."""
        return [json.loads(line) for line in self.said().splitlines() if line.startswith("{")]

    def stop(self) -> tuple[int, float]:
        """SIGTERM to its first process, as an engine sends it; the exit code, and how long it took in seconds."""
        assert self._process is not None
        began = time.monotonic()
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        for child in children:
            os.kill(int(child), signal.SIGTERM)
        return self._process.wait(60), time.monotonic() - began

    def kill(self) -> None:
        """Whatever is left of it."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _command(self, words: Sequence[str]) -> list[str]:
        drop = ["--clear-groups", "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"]
        shell = ["/bin/sh", "-c", f'cd {shlex.quote(self._root.workdir)} && exec "$@"', "sh", *words]
        inside = ["/usr/bin/env", "-i", *(f"{name}={value}" for name, value in self._environ.items())]
        inside += ["/usr/bin/setpriv", f"--reuid={self._user}", f"--regid={self._group}", *drop, *shell]
        return [*ALONE, "sh", "-c", READ_ONLY, "container", str(self._root.folder), str(self._volume), *self._secrets, *inside]
