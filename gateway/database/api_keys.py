"""API keys of services: rows of PostgreSQL that hold the SHA-256 of a secret, and never the secret.

wsg_0123456789abcdef_SECRET: the part in the middle is the id, which is public and finds the row; the rest is compared in constant time.
All functions that ask PostgreSQL raise StoreAway.
"""

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from hmac import compare_digest

from gateway.database import audit, db
from gateway.database.audit import By
from gateway.database.db import Connection, Row, transaction
from gateway.database.statements import query
from gateway.errors import RequestError

#: What a key may do, each with all before it: GET; POST, PUT and DELETE; everything.
SCOPES = ("read", "write", "admin")
#: Bytes of a secret.
SECRET_BYTES = 32

_KEY = re.compile(r"wsg_(?P<id>[0-9a-f]{16})_(?P<secret>[A-Za-z0-9_-]{43})")
_ID = re.compile(r"[0-9a-f]{16}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever holds a key.

    scope    the highest that the key has
    service  the only one whose subscriptions it may change; None: every one's
    key_id   of a key that is a row; two callers are alike by what they may do
    """

    name: str
    scope: str
    service: str | None = None
    key_id: str | None = field(default=None, compare=False)

    def may(self, scope: str) -> bool:
        return SCOPES.index(scope) <= SCOPES.index(self.scope)


#: The holder of the administrator's key, which is no row.
ADMINISTRATOR = Caller(audit.ADMINISTRATOR, "admin")


@dataclass(frozen=True, slots=True)
class Key:
    """A key that was not revoked."""

    id: str
    secret_sha256: bytes
    caller: Caller

    def fits(self, secret: str) -> bool:
        """Compared in constant time."""
        return compare_digest(_digest(secret), self.secret_sha256)


def parse(offered: str) -> tuple[str, str] | None:
    """Id and secret; None for what is no key of ours."""
    match = _KEY.fullmatch(offered)
    return (match["id"], match["secret"]) if match else None


def create(connection: Connection, *, name: str, scopes: Sequence[str], service: str | None, by: By) -> tuple[str, Row]:
    """The key, which nobody can read again, and its row. Raises RequestError."""
    _check(name, scopes, service)
    identity, secret = secrets.token_hex(8), secrets.token_urlsafe(SECRET_BYTES)
    values = {"id": identity, "name": name, "secret_sha256": _digest(secret), "scopes": list(scopes), "service": service}
    with transaction(connection) as cursor:
        cursor.execute(query("add_key"), values)
        rows = db.rows(cursor)
        if not rows:
            raise RequestError(
                f"found a key named {name!r} already; expected another name, or that one revoked before", code="CONFLICT"
            )
        audit.record(cursor, by, "key_created", {"id": identity, "requesting_service": service})
    return f"wsg_{identity}_{secret}", rows[0]


def find_all(connection: Connection) -> list[Row]:
    """All keys, oldest first, revoked ones too; without the hashes."""
    with transaction(connection) as cursor:
        cursor.execute(query("list_keys"))
        return db.rows(cursor)


def revoke(connection: Connection, name_or_id: str, by: By) -> Row:
    """End a key. Raises RequestError where none that still opens has that name or id."""
    with transaction(connection) as cursor:
        cursor.execute(query("revoke_key"), {"name_or_id": name_or_id})
        rows = db.rows(cursor)
        if not rows:
            raise RequestError(f"found no key {name_or_id!r} that still opens; expected a name or id of `ws-gateway keys list`")
        audit.record(cursor, by, "key_revoked", {"id": rows[0]["id"], "requesting_service": rows[0]["service"]})
        return rows[0]


def opening(connection: Connection) -> dict[str, Key]:
    """All keys that were not revoked, by their ids: a few, so that nobody asks about one alone."""
    with transaction(connection) as cursor:
        cursor.execute(query("opening_keys"))
        rows = db.rows(cursor)
    return {
        row["id"]: Key(
            row["id"],
            bytes(row["secret_sha256"]),
            Caller(row["name"], max(row["scopes"], key=SCOPES.index), row["service"], row["id"]),
        )
        for row in rows
    }


def touch(connection: Connection, identities: Sequence[str]) -> None:
    """They were used just now; written once a minute at most, and not at all while somebody else writes it."""
    with transaction(connection) as cursor:
        cursor.execute(query("touch_keys"), {"ids": list(identities)})


def _check(name: str, scopes: Sequence[str], service: str | None) -> None:
    if not _NAME.fullmatch(name) or _ID.fullmatch(name) or name.lower() in audit.OWN:
        raise RequestError(
            f"found name {name!r}; expected 1 to 100 letters, digits, _ . - that begin with a letter or digit, no id of a key and none of "
            f"{', '.join(map(repr, audit.OWN))}"
        )
    if not scopes or any(scope not in SCOPES for scope in scopes):
        raise RequestError(f"found scopes {', '.join(scopes) or 'none'}; expected some of {', '.join(SCOPES)}")
    if service is not None and not _NAME.fullmatch(service):
        raise RequestError(f"found service {service!r}; expected 1 to 100 letters, digits, _ . - that begin with a letter or digit")
    if service is not None and "admin" in scopes:
        raise RequestError(f"found scope admin for service {service!r} alone; expected read or write: admin is for everything")


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
