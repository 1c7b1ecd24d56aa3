"""The administrator's API key: from the settings, else generated once into the var folder."""

import os
import secrets
from hmac import compare_digest
from pathlib import Path

from gateway.errors import SettingError


def admin_key(given: str, var_dir: Path) -> str:
    """The key that opens everything.

    given    WS_GATEWAY_API_KEY; "" to use the var folder's
    Two processes that start at once agree: whoever links its file first has made the key. Raises SettingError.
    """
    if given:
        return given
    file = var_dir / "api_key"
    try:
        if not file.exists():
            _make(file)
        key = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as fault:
        raise SettingError(f"{file} cannot be used ({fault}); expected a file with the API key, or WS_GATEWAY_API_KEY") from fault
    if not key:
        raise SettingError(f"{file} is empty; expected a file with the API key, or WS_GATEWAY_API_KEY")
    return key


def is_admin(offered: str, key: str) -> bool:
    """Compared in constant time."""
    return compare_digest(offered.encode(), key.encode())


def _make(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".api_key.{secrets.token_hex(4)}.part")
    with open(part, "w", encoding="ascii", opener=lambda path, flags: os.open(path, flags, 0o600)) as stream:
        stream.write(secrets.token_urlsafe(32))
    try:
        os.link(part, file)
    except FileExistsError:
        pass  # another process was faster
    finally:
        part.unlink()
