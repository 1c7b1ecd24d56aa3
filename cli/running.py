"""Where a gateway that `ws-gateway up` started can be found: VAR_DIR/run.json, so that other commands need no settings."""

import os
from pathlib import Path

import msgspec

from gateway import config
from gateway.config import Settings


class Run(msgspec.Struct):
    """What a running `up` tells. Holds passwords: only its owner may read it."""

    pid: int
    environment: dict[str, str]


def write(var_dir: Path, environment: dict[str, str]) -> None:
    """Say where everything is. `environment`: the settings that the gateway's processes were given."""
    part = var_dir / ".run.json.part"
    with open(part, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as stream:
        stream.write(msgspec.json.encode(Run(os.getpid(), environment)))
    part.replace(var_dir / "run.json")


def read(var_dir: Path) -> Run | None:
    """The running `up`; None when there is none, or it ended without a word."""
    try:
        run = msgspec.json.decode((var_dir / "run.json").read_bytes(), type=Run)
        os.kill(run.pid, 0)
    except (OSError, msgspec.DecodeError, msgspec.ValidationError):
        return None
    return run


def forget(var_dir: Path) -> None:
    (var_dir / "run.json").unlink(missing_ok=True)


def settings() -> Settings:
    """The settings of this command: the environment's and .env's, else those of a running `up`. Raises SettingError."""
    given = config.load()
    run = read(given.var_dir)
    return given if run is None else config.load({**run.environment, **os.environ})
