"""Whose key a request has: the administrator's at once, a service's from memory.

All keys that open are read together and remembered, so that most requests ask nobody, wrong keys cost PostgreSQL next to nothing however
many come, and a PostgreSQL that is away stops no key that was known lately.
"""

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence

from gateway import keys
from gateway.database import api_keys
from gateway.database.api_keys import ADMINISTRATOR, Caller, Key
from gateway.database.db import Connection
from gateway.database.pool import PATIENCE_S, Pool
from gateway.errors import StoreAway, StoreRefused

log = logging.getLogger(__name__)

#: Keys are read again after this: a revoked one stops working within it, and the time that PostgreSQL takes to answer; seconds.
READ_AGAIN_S = 10.0
#: … or at once, where one comes that is not among them, perhaps a new one: so many times at once, and one more each so many seconds.
NEW_AT_ONCE, NEW_EVERY_S = 20, 0.5
#: While PostgreSQL cannot be asked a key is believed so long after it was read; seconds.
BELIEVED_S = 60.0
#: A PostgreSQL that did not answer is not asked again for so long; seconds.
SILENT_S = 2.0
#: It gets so long to answer: a request waits for it, and others behind that; seconds and milliseconds.
CONNECT_S, STATEMENT_MS = 1.0, 1000
#: Of the keys that one request offers so many are looked at.
MOST_OFFERED = 8


class Keyring:
    """One a process; its threads share it. One of them at a time asks PostgreSQL, over a connection that serves nothing else."""

    def __init__(self, database_url: str, admin_key: str, now: Callable[[], float] = time.monotonic) -> None:
        """`now`: monotonic seconds, for what is remembered."""
        self._admin_key = admin_key
        self._now = now
        self._pool = Pool(
            database_url, name="ws-gateway keys", size=1, timeout_s=CONNECT_S, statement_timeout_ms=STATEMENT_MS, now=now
        )
        self._asking, self._counting = threading.Lock(), threading.Lock()
        self._read: tuple[float, dict[str, Key]] = (-math.inf, {})  # when, and all keys that open
        self._begun = 0  # how many times they were begun to be read
        self._used: set[str] = set()  # since then
        self._silent_until = -math.inf
        self._new_full_at = -math.inf  # when keys that are not known may be asked about NEW_AT_ONCE times again

    def caller(self, offered: Sequence[str]) -> Caller | None:
        """Who holds one of the keys offered; None where each is wrong. Raises StoreAway where that cannot be said now."""
        looked_at = offered[:MOST_OFFERED]
        if any(keys.is_admin(text, self._admin_key) for text in looked_at):
            return ADMINISTRATOR
        for identity, secret in filter(None, map(api_keys.parse, looked_at)):
            key = self._find(identity, secret)
            if key is not None and key.fits(secret):
                self._used.add(identity)
                return key.caller
        return None

    def _find(self, identity: str, secret: str) -> Key | None:
        key, begun = self._known(identity), self._begun
        if self._age_s() < READ_AGAIN_S and (key is not None or not self._may_be_new()):
            return key
        believed = key if self._age_s() < BELIEVED_S else None
        if not self._asking.acquire(timeout=0 if believed is not None else PATIENCE_S):
            if believed is not None:
                return believed  # another thread is finding out
            raise StoreAway(f"others have been asking PostgreSQL about keys for {PATIENCE_S:g} s")
        try:
            if self._begun == begun or self._now() < self._silent_until:  # else another thread has read them since
                self._read_all(identity, secret)
            return self._known(identity)
        except StoreAway:
            if believed is not None:
                return believed
            raise
        finally:
            self._asking.release()

    def _known(self, identity: str) -> Key | None:
        return self._read[1].get(identity)

    def _age_s(self) -> float:
        return self._now() - self._read[0]

    def _may_be_new(self) -> bool:
        """Whether to look for a key that is not known; counted. A flood of wrong ones is told what was so a moment ago."""
        with self._counting:
            full_at = max(self._now(), self._new_full_at) + NEW_EVERY_S
            if full_at - self._now() > NEW_AT_ONCE * NEW_EVERY_S:
                return False
            self._new_full_at = full_at
            return True

    def _read_all(self, identity: str, secret: str) -> None:
        """For whoever offers this key; raises StoreAway at once where PostgreSQL was silent a moment ago."""
        if self._now() < self._silent_until:
            raise StoreAway("PostgreSQL did not answer a moment ago")
        self._begun += 1
        try:
            with self._pool.connection() as connection:
                found = api_keys.opening(connection)
                used, self._used = self._used & found.keys(), set()
                self._read = self._now(), found
                if identity in found and found[identity].fits(secret):
                    used.add(identity)
                _record_use(connection, sorted(used))
        except StoreAway:
            self._silent_until = self._now() + SILENT_S
            raise


def _record_use(connection: Connection, identities: Sequence[str]) -> None:
    """Costs nobody a request."""
    if not identities:
        return
    try:
        api_keys.touch(connection, identities)
    except (StoreAway, StoreRefused) as fault:
        log.warning("keys use_not_recorded ids=%s reason=%s", ",".join(identities), fault)
