"""Where the figures were taken: processor, system, versions. No name of a machine."""

import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path

#: What the figures depend on, of our own environment.
_PACKAGES = ("websocket-client", "msgspec", "pyzmq", "kombu", "amqp", "psycopg2-binary")
#: What a run itself writes.
_RESULTS = (":!bench/results", ":!bench/profiles", ":!bench/RESULTS.md")


def machine() -> dict[str, str]:
    cpus = Path("/proc/cpuinfo").read_text()
    model = re.search(r"(?m)^model name\s*:\s*(.+)$", cpus)
    memory = re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())
    return {
        "processor": f"{len(os.sched_getaffinity(0))} cores of {model[1] if model else platform.machine()}",
        "memory": f"{int(memory[1]) // 1024 // 1024} GiB" if memory else "unknown",
        "kernel": f"{platform.system()} {platform.release().partition('-')[0]}",
    }


def versions(rabbitmq: str, postgresql: str) -> dict[str, str]:
    """Of Python, the servers, and the libraries of the hot path."""
    return {
        "Python": platform.python_version(),
        "RabbitMQ": rabbitmq,
        "PostgreSQL": postgresql,
        **{name: version(name) for name in _PACKAGES},
    }


def revision(root: Path) -> str:
    """Of the tree, with a + where files under version control are changed, but for results; "unknown" outside a checkout."""
    commit, changed = (
        subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=False).stdout.strip()
        for words in (["rev-parse", "--short", "HEAD"], ["status", "--porcelain", "-uno", "--", ".", *_RESULTS])
    )
    return f"{commit}{'+' if changed else ''}" or "unknown"


def steal() -> float:
    """Seconds of all cores so far that the machine below gave to others."""
    words = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    return int(words[8]) / os.sysconf("SC_CLK_TCK")
