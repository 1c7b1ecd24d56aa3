"""A count that one process writes and others read, in a file that both have mapped: how many events have arrived."""

import mmap
import struct
from pathlib import Path

_FORM = struct.Struct("<QQ")


class Shared:
    """The number of a load and how many of its events have arrived."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(_FORM.size))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), _FORM.size)

    def put(self, load: int, received: int) -> None:
        _FORM.pack_into(self._map, 0, load, received)

    def received(self, load: int) -> int:
        """0 while nothing of this load has arrived."""
        of, count = _FORM.unpack_from(self._map)
        return int(count) if of == load else 0
