"""Whose key a request has: the administrator's at once, a service's from memory or PostgreSQL.

A key that fits is remembered, so that most requests ask nobody, and a PostgreSQL that is away stops no key that was used lately.
"""

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence

from gateway import api_keys, keys
from gateway.api_keys import ADMINISTRATOR, Caller, Key
from gateway.db import Connection
from gateway.errors import StoreAway, StoreRefused
from gateway.pool import PATIENCE_S, Pool

log = logging.getLogger(__name__)

#: A key that fits is asked about again after this: a revoked one stops working within it; seconds.
ASKED_AGAIN_S = 10.0
#: … unless PostgreSQL cannot be asked: then it is believed so long after the last answer; seconds.
BELIEVED_S = 60.0
#: A PostgreSQL that did not answer is not asked again for so long; seconds.
SILENT_S = 2.0
#: It gets so long to answer: a request waits for it, and others behind that; seconds and milliseconds.
CONNECT_S, STATEMENT_MS = 1.0, 1000


class Keyring:
    """One a process; its threads share it. One of them at a time asks PostgreSQL, over a connection that serves nothing else."""

    def __init__(self, database_url: str, admin_key: str, now: Callable[[], float] = time.monotonic) -> None:
        """`now`: monotonic seconds, for what is remembered."""
        self._admin_key = admin_key
        self._now = now
        self._pool = Pool(
            database_url, name="ws-gateway keys", size=1, timeout_s=CONNECT_S, statement_timeout_ms=STATEMENT_MS, now=now
        )
        self._asking = threading.Lock()
        self._known: dict[str, tuple[float, Key]] = {}
        self._silent_until = -math.inf

    def caller(self, offered: Sequence[str]) -> Caller | None:
        """Who holds one of the keys offered; None where each is wrong. Raises StoreAway where that cannot be said now."""
        if any(keys.is_admin(text, self._admin_key) for text in offered):
            return ADMINISTRATOR
        for identity, secret in filter(None, map(api_keys.parse, offered)):
            key = self._fitting(identity, secret)
            if key is not None:
                return key.caller
        return None

    def _fitting(self, identity: str, secret: str) -> Key | None:
        asked_at, known = self._known.get(identity, (-math.inf, None))
        if known is not None and not known.fits(secret):
            return None
        age_s = self._now() - asked_at
        if age_s < ASKED_AGAIN_S:
            return known
        may_be_believed = age_s < BELIEVED_S
        if not self._asking.acquire(timeout=0 if may_be_believed else PATIENCE_S):
            if may_be_believed:
                return known  # another thread is finding out
            raise StoreAway(f"others have been asking PostgreSQL about keys for {PATIENCE_S:g} s")
        try:
            return self._asked(identity, secret)
        except StoreAway:
            if may_be_believed:
                return known
            raise
        finally:
            self._asking.release()

    def _asked(self, identity: str, secret: str) -> Key | None:
        if self._now() < self._silent_until:
            raise StoreAway("PostgreSQL did not answer a moment ago")
        try:
            with self._pool.connection() as connection:
                key = api_keys.find(connection, identity)
                if key is None or not key.fits(secret):
                    self._known.pop(identity, None)
                    return None
                self._known[identity] = self._now(), key
                _record_use(connection, identity)
                return key
        except StoreAway:
            self._silent_until = self._now() + SILENT_S
            raise


def _record_use(connection: Connection, identity: str) -> None:
    """Costs nobody a request."""
    try:
        api_keys.touch(connection, identity)
    except (StoreAway, StoreRefused) as fault:
        log.warning("keys use_not_recorded id=%s reason=%s", identity, fault)
