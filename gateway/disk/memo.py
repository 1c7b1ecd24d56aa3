"""A memo: one small value in a JSON file of the var folder, replaced in one step; what a process knows of itself when it is back."""

import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from gateway.trouble import Trouble

log = logging.getLogger(__name__)

T = TypeVar("T")


class Memo(Generic[T]):
    """Of one process or, under its lock, of several in turn. Never raises: a disk that refuses costs the memory, and a line in the log."""

    def __init__(self, path: Path, kind: type[T]) -> None:
        self._path = path
        self._decode = msgspec.json.Decoder(kind).decode
        self._trouble = Trouble(log, f"memo not_written path={path}")

    def read(self) -> T | None:
        """None where there is none, or it cannot be read."""
        try:
            return self._decode(self._path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError, msgspec.ValidationError) as fault:
            log.warning("memo not_read path=%s reason=%s", self._path, fault)
            return None

    def forget(self) -> None:
        """Nobody will read it."""
        with suppress(OSError):
            self._path.unlink()

    def write(self, value: T) -> None:
        part = self._path.with_name(f".{self._path.name}.{os.getpid()}.part")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(msgspec.json.encode(value))
            part.replace(self._path)
        except OSError as fault:
            self._trouble.say(str(fault))
            return
        self._trouble.over()
