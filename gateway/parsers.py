"""Text of a setting → its value. Each raises ValueError when the text does not fit; the sentence is made by `config.py`."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from gateway.protocol.channels import CHANNELS

Parse = Callable[[str], Any]


def any_text(text: str) -> str:
    return text


def one_of(*words: str) -> Parse:
    def parse(text: str) -> str:
        if text not in words:
            raise ValueError
        return text

    return parse


def switch(text: str) -> bool:
    return {"on": True, "off": False}[one_of("on", "off")(text)]


def whole(low: int, high: int) -> Parse:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,15}", text) or not low <= int(text) <= high:
            raise ValueError
        return int(text)

    return parse


def seconds(low: float, high: float) -> Parse:
    def parse(text: str) -> float:
        value = float(text)
        if not low <= value <= high:
            raise ValueError
        return value

    return parse


def size(text: str) -> int:
    match = re.fullmatch(r"([0-9]{1,15}) ?(B|KiB|MiB|GiB)?", text)
    if not match or not int(match[1]):
        raise ValueError
    return int(match[1]) * {None: 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}[match[2]]


def url(*schemes: str, empty: bool = True) -> Parse:
    def parse(text: str) -> str:
        if not text and empty:
            return ""
        parts = urlsplit(text)
        if parts.scheme not in schemes or not parts.hostname:
            raise ValueError
        _ = parts.port  # raises ValueError beyond 65535
        return text.rstrip("/")

    return parse


def base_url(*schemes: str) -> Parse:
    """A URL to which paths are appended: nothing may stand behind its host and port."""
    whole_url = url(*schemes)

    def parse(text: str) -> str:
        found: str = whole_url(text)
        parts = urlsplit(found)
        if parts.path or parts.query or parts.fragment:
            raise ValueError
        return found

    return parse


def words(allowed: tuple[str, ...]) -> Parse:
    def parse(text: str) -> tuple[str, ...]:
        found = tuple(word.strip() for word in text.split(",") if word.strip())
        if not found or not set(found) <= set(allowed):
            raise ValueError
        return found

    return parse


def coins(text: str) -> tuple[str, ...]:
    found = tuple(coin.strip() for coin in text.split(",") if coin.strip())
    if not all(re.fullmatch(r"[A-Z0-9]{1,20}", coin) for coin in found):
        raise ValueError
    return found


def class_queues(text: str) -> tuple[str, ...]:
    everything = tuple(dict.fromkeys(channel.event_type for channel in CHANNELS))
    if text in ("all", "none"):
        return everything if text == "all" else ()
    return tuple(words(everything)(text))


def label(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", text):
        raise ValueError
    return text


def api_key(text: str) -> str:
    """What can stand in a header, and comes out of it as it went in."""
    if not re.fullmatch(r"([!-~]([ -~]{0,998}[!-~])?)?", text):
        raise ValueError
    return text


def postgres(text: str) -> str:
    """Several hosts may stand in one URL, so ports are looked at one by one."""
    if not text:
        return ""
    parts = urlsplit(text)
    if parts.scheme not in ("postgresql", "postgres") or re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise ValueError
    for host in parts.netloc.rpartition("@")[2].split(","):
        if not re.fullmatch(r"(\[[^\[\]]*\]|[^:\[\]]*)(:[0-9]{0,5})?", host):
            raise ValueError
    return text


def bus_url(text: str) -> str:
    """Empty, or tcp://host:port."""
    parts = urlsplit(text)
    whole_url = parts.scheme == "tcp" and parts.hostname and parts.port and not (parts.path or parts.query or parts.fragment)
    if text and (not whole_url or "@" in parts.netloc):
        raise ValueError
    return text


def curve_key(text: str) -> str:
    if text and re.fullmatch(r"[0-9a-f]{64}", text) is None:
        raise ValueError
    return text


def curve_keys(text: str) -> tuple[str, ...]:
    return tuple(curve_key(word.strip()) for word in text.split(",") if word.strip())
