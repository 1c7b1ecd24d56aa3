"""Failed attempts, limited per remote address for all processes of a host together, in a file of fixed size.

An address has a bucket of tries that fills again with time. Addresses share SLOTS buckets by a hash, so that a flood of them costs no
memory; sharing one costs a stranger a try, and never somebody who has a key. A bucket is one number: the Unix time at which it is full
again (the generic cell rate algorithm), 0 while nobody has failed.

Flask-Limiter, or `limits` below it, would count for each process alone in memory that grows with the addresses, or needs a server.
"""

import fcntl
import hashlib
import ipaddress
import logging
import os
import struct
from pathlib import Path

log = logging.getLogger(__name__)

#: Tries that an address has at once.
TRIES = 60
#: One more every so often; seconds.
EVERY_S = 2.0
#: Buckets; a file of 32 KiB.
SLOTS = 4096

_FULL = struct.Struct("<d")


class Attempts:
    """One file of buckets."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def wait_s(self, address: str, unix_s: float) -> float:
        """0 where the address may fail once more, and it is counted; else the seconds until it may."""
        place = _slot(address) * _FULL.size
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
                found = os.pread(file, _FULL.size, place)
                full_at = max(unix_s, _FULL.unpack(found)[0] if len(found) == _FULL.size else 0.0) + EVERY_S
                wait_s = full_at - unix_s - TRIES * EVERY_S
                if wait_s > EVERY_S:  # of a clock that was set back
                    full_at, wait_s = unix_s + EVERY_S, 0.0
                if wait_s <= 0:
                    os.pwrite(file, _FULL.pack(full_at), place)
                return max(0.0, wait_s)
            finally:
                os.close(file)
        except OSError as fault:  # a full disk must not answer 500 to whoever has no key
            log.warning("attempts not_counted path=%s reason=%s", self._path, fault)
            return 0.0


def _slot(address: str) -> int:
    """Of IPv6 the network of 64 bits, which one holder has whole."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        who = address
    else:
        parsed = getattr(parsed, "ipv4_mapped", None) or parsed
        who = str(ipaddress.ip_network((parsed, 64), strict=False) if parsed.version == 6 else parsed)
    return int.from_bytes(hashlib.blake2b(who.encode(), digest_size=8).digest()) % SLOTS
