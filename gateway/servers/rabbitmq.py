"""A private RabbitMQ node: found on the machine, or installed from the distribution's packages where that is permitted.

Its own node name, cookie, epmd and ports; every listener on loopback. Facts: RabbitMQ 3.10 to 4, Erlang 25 and later.
"""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from gateway.errors import ServerError
from gateway.servers.server import Report, Server, dying_with_us, quiet

#: The script itself; the distribution's wrapper of the same name changes to another user.
PLACES = ("/usr/lib/rabbitmq/bin", "/usr/local/sbin", "/usr/sbin", "/opt/homebrew/sbin")
USER = "gateway"
NODE = "ws-gateway@localhost"
#: A first start takes about 5 s on an idle machine; seconds.
READY_S = 90.0

WAYS_OUT = (
    "install the package rabbitmq-server, or run "
    "`docker run -p 5672:5672 rabbitmq` and set BROKER_URL=amqp://guest:guest@127.0.0.1:5672/, or set BROKER_URL to a broker "
    "that runs elsewhere"
)

#: Another installation that is under way is waited for.
APT = ("apt-get", "-o", "DPkg::Lock::Timeout=300")
#: Package managers: how to install the broker without a question.
INSTALLERS: dict[str, list[list[str]]] = {
    "apt-get": [
        [*APT, "update"],
        [*APT, "install", "-y", "--no-install-recommends", "rabbitmq-server"],
    ],
    "dnf": [["dnf", "install", "-y", "rabbitmq-server"]],
    "apk": [["apk", "add", "rabbitmq-server"]],
    "pacman": [["pacman", "-S", "--noconfirm", "rabbitmq"]],
}

#: The package's own node is not ours: stopped, and not started again with the machine. Whichever command exists.
STOP_SERVICE = (["systemctl", "disable", "--now", "rabbitmq-server"], ["service", "rabbitmq-server", "stop"])


class RabbitMQ(Server):
    """One node. `virtual_hosts` are made at its first start, next to the default one."""

    name = "RabbitMQ"

    def __init__(
        self, folder: Path, report: Report = quiet, virtual_hosts: Sequence[str] = (), *, has_management: bool = False
    ) -> None:
        super().__init__(folder, report)
        self.ports_needed = 4 if has_management else 3  # AMQP, distribution, epmd, management
        self._has_management = has_management
        self._virtual_hosts = ["/", *virtual_hosts]

    @property
    def url(self) -> str:
        return self.url_of("")

    @property
    def management_url(self) -> str:
        """Of a node that has it."""
        return f"http://127.0.0.1:{self.ports[3]}"

    def url_of(self, virtual_host: str) -> str:
        """`""` for the default one."""
        return f"amqp://{USER}:{self.password}@127.0.0.1:{self.ports[0]}/{virtual_host}"

    def start(self) -> None:
        self._prepare_folder()
        binaries = find_binaries() or install(self.report)
        self.report(f"starting a private RabbitMQ ({binaries})")
        environ = self._environment()
        log = self.folder / "rabbitmq.log"
        self._write_configuration()
        with log.open("ab") as stream:
            epmd = ["epmd", "-port", str(self.ports[2]), "-address", "127.0.0.1"]
            self._spawn([*dying_with_us("KILL"), *epmd], environ, stream)
            # The script leaves a shell in front of the node: its group is ended as a whole.
            self._spawn([*dying_with_us("TERM"), str(binaries / "rabbitmq-server")], environ, stream)
        self._wait_until(self._accepts, READY_S, log)

    @property
    def pid(self) -> int:
        """Of the node itself, not of the shell in front of it."""
        return int((self.folder / "pid").read_text())

    def stop(self) -> None:
        self._signal_node(signal.SIGTERM)  # the node ends in good order, and the shell after it
        for child in reversed(self._children):
            with suppress(subprocess.TimeoutExpired):
                if child is self._children[-1]:
                    child.wait(15.0)
        self.kill()

    def kill(self) -> None:
        self._signal_node(signal.SIGKILL)
        super().kill()

    def control(self, *words: str) -> str:
        """What `rabbitmqctl` says of the node. Raises ServerError with its words where it fails."""
        command = [str((find_binaries() or Path(PLACES[0])) / "rabbitmqctl"), "--node", NODE, "--quiet", *words]
        environ = {
            name: value for name, value in self._environment().items() if not name.endswith("_ERL_ARGS")
        }  # those are the node's
        done = subprocess.run(  # noqa: S603 # our own node
            command, env=environ, cwd=self.folder, capture_output=True, text=True, timeout=READY_S, check=False
        )
        if done.returncode:
            raise ServerError(f"rabbitmqctl {words[0]} failed: {(done.stderr or done.stdout).strip()}")
        return done.stdout

    def _signal_node(self, how: signal.Signals) -> None:
        if self.is_running():
            with suppress(FileNotFoundError, ProcessLookupError, ValueError):
                os.kill(self.pid, how)

    def _environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("RABBITMQ_", "ERL_"))}
        return kept | {
            "HOME": str(self.folder),  # the cookie lies there
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_NODENAME": NODE,
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.ports[0]),
            "RABBITMQ_DIST_PORT": str(self.ports[1]),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self.folder / "none.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            # Each of these has a default of its own outside our folder.
            "RABBITMQ_MNESIA_BASE": str(self.folder),
            "RABBITMQ_MNESIA_DIR": str(self.folder / "data"),
            "RABBITMQ_FEATURE_FLAGS_FILE": str(self.folder / "feature_flags"),
            "RABBITMQ_PLUGINS_EXPAND_DIR": str(self.folder / "plugins"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(self.folder / "config"),
            "ERL_CRASH_DUMP": str(self.folder / "log" / "erl_crash.dump"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self.ports[2]),
            "LANG": "C.UTF-8",
        }

    def _write_configuration(self) -> None:
        with suppress(FileNotFoundError):
            (self.folder / "pid").unlink()
        definitions = self.folder / "definitions.json"
        permission = {"user": USER, "configure": ".*", "write": ".*", "read": ".*"}
        everything = {
            "users": [{"name": USER, "password": self.password, "tags": "administrator"}],
            "vhosts": [{"name": name} for name in self._virtual_hosts],
            "permissions": [permission | {"vhost": name} for name in self._virtual_hosts],
        }
        definitions.write_bytes(msgspec.json.encode(everything))
        definitions.chmod(0o600)
        # The machine's disk is shared: an alarm at 50 MB free, as the broker's own default.
        lines = [f"load_definitions = {definitions}", "log.console.level = warning"]
        if self._has_management:
            lines += ["management.tcp.ip = 127.0.0.1", f"management.tcp.port = {self.ports[3]}"]
        (self.folder / "rabbitmq.conf").write_text("\n".join([*lines, ""]))
        (self.folder / "enabled_plugins").write_text("[rabbitmq_management].\n" if self._has_management else "[].\n")

    def _accepts(self) -> bool:
        """A node that is ready answers the protocol header with connection.start: a method frame on channel 0."""
        with socket.socket() as probe:
            probe.settimeout(2.0)
            if probe.connect_ex(("127.0.0.1", self.ports[0])) != 0:
                return False
            with suppress(OSError):
                probe.sendall(b"AMQP\x00\x00\x09\x01")
                return probe.recv(3) == b"\x01\x00\x00" and (self.folder / "pid").exists()
        return False


def find_binaries() -> Path | None:
    """The folder of the script that starts a node; None when the machine has none."""
    for place in PLACES:
        if (Path(place) / "rabbitmq-server").exists():
            return Path(place)
    on_path = shutil.which("rabbitmq-server")
    return Path(on_path).resolve().parent if on_path else None


def install(report: Report) -> Path:
    """Install from the distribution's packages. Raises ServerError with the ways out where that is not permitted."""
    manager = next((name for name in INSTALLERS if shutil.which(name)), None)
    prefix = _root_prefix()
    if manager is None or prefix is None:
        raise ServerError(f"RabbitMQ is missing and this user may not install it; {WAYS_OUT}")
    report(f"installing RabbitMQ with {manager}, once; this takes a minute")
    for command in INSTALLERS[manager]:
        done = _run([*prefix, *command])
        if done.returncode and "update" not in command:
            reason = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no words"]
            raise ServerError(f"{manager} could not install rabbitmq-server: {reason[0]}; {WAYS_OUT}")
    for command in STOP_SERVICE:
        if shutil.which(command[0]):
            _run([*prefix, *command])  # the package starts a node of its own where the machine has an init system
    found = find_binaries()
    if found is None:
        raise ServerError(f"RabbitMQ was installed and cannot be found; {WAYS_OUT}")
    return found


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(  # noqa: S603 # rows of the tables above
        command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


def _root_prefix() -> list[str] | None:
    """How to become root: we are, or sudo asks nothing; None: not at all."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode == 0:  # noqa: S603
        return [sudo, "-n", "env", "DEBIAN_FRONTEND=noninteractive"]
    return None
