"""The mark of a spool: the number up to which all records are someone else's, in a file of its own."""

import errno
import logging
import os
import struct
import zlib
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)

_RELEASED = struct.Struct("<QI")


class ReleasedMark:
    """Losing it costs repeats, never a record. It is written in place, so a full disk does not hinder it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "released"
        self._file: int | None = None
        self._unsynced = False

    def read(self) -> int | None:
        """None: it is not there, or cannot be read."""
        try:
            number, checksum = _RELEASED.unpack(self._path.read_bytes())
        except (OSError, struct.error):
            return None
        return int(number) if zlib.crc32(number.to_bytes(8, "little")) == checksum else None

    def write(self, number: int) -> None:
        mark = _RELEASED.pack(number, zlib.crc32(number.to_bytes(8, "little")))
        try:
            if self._file is None:
                self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.pwrite(self._file, mark, 0)
            self._unsynced = True
        except OSError as fault:
            if fault.errno != errno.ENOSPC:
                log.warning("spool mark_not_written path=%s reason=%s", self._path, fault)

    def sync(self) -> None:
        """Before a file of the spool goes: else a loss of power may leave a mark that calls lost what was in it."""
        if self._file is not None and self._unsynced:
            self._unsynced = False
            with suppress(OSError):
                os.fdatasync(self._file)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
