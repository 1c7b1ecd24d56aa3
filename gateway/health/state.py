"""State files: where each process writes its words down, and health reads them. Nobody asks a process a question."""

import os
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from gateway.health.words import ApiState, GuardState, RequestsState, RouterState, State, Words, WorkerState
from gateway.protocol.endpoints import ENDPOINTS

T = TypeVar("T", WorkerState, RouterState, ApiState, RequestsState, GuardState, Words)


def write(var_dir: Path, state: State) -> None:
    """Replace `state/NAME.json` in one step: a reader sees the old or the new, never half. A full disk still takes the new over the old."""
    folder = var_dir / "state"
    folder.mkdir(parents=True, exist_ok=True)
    path, part = folder / f"{state.name}.json", folder / f".{state.name}.{os.getpid()}.part"
    words = msgspec.json.encode(state)
    try:
        part.write_bytes(words)
        part.replace(path)
    except OSError:
        with suppress(OSError):
            part.unlink()
        if not path.exists():
            raise
        with path.open("r+b", buffering=0) as file:  # over what is there: it needs no further block
            file.write(words.ljust(path.stat().st_size))


def read_router(var_dir: Path) -> RouterState | None:
    """The router's last words; None before it ever spoke or when they cannot be read."""
    return _read(var_dir / "state" / "router_00.json", RouterState)


def read_api(var_dir: Path) -> ApiState | None:
    """The control API's last words."""
    return _read(var_dir / "state" / "api_00.json", ApiState)


def read_requests(var_dir: Path) -> list[RequestsState]:
    """What was asked of the control API, by all of its processes."""
    paths = sorted((var_dir / "state").glob("requests_*.json"))
    return [state for path in paths if (state := _read(path, RequestsState)) is not None]


def read_workers(var_dir: Path) -> dict[str, WorkerState]:
    """All workers' last words by process name, fresh or stale; the reader compares `written_ms` with its clock."""
    paths = (path for path in sorted((var_dir / "state").glob("*.json")) if path.stem.rpartition("_")[0] in ENDPOINTS)
    return {state.name: state for path in paths if (state := _read(path, WorkerState)) is not None}


def read_guard(var_dir: Path) -> GuardState | None:
    """The guard's last words."""
    return _read(var_dir / "state" / "guard_00.json", GuardState)


def read_words(var_dir: Path) -> dict[str, Words]:
    """All processes' last words by process name, of whatever age."""
    found = (_read(path, Words) for path in sorted((var_dir / "state").glob("*.json")))
    return {words.name: words for words in found if words is not None}


def read_worker(var_dir: Path, name: str) -> WorkerState | None:
    """One worker's last words, of whatever age."""
    return _read(var_dir / "state" / f"{name}.json", WorkerState)


def read_siblings(var_dir: Path, endpoint: str, number: int, processes: int) -> list[WorkerState]:
    """The last words of the other processes that share an endpoint with one, fresh or stale."""
    paths = (var_dir / "state" / f"{endpoint}_{other:02d}.json" for other in range(processes) if other != number)
    return [state for path in paths if (state := _read(path, WorkerState)) is not None]


def _read(path: Path, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError, msgspec.ValidationError):
        return None
