"""HTTP answers that end: urllib3 bounds each wait for bytes, which a server that trickles passes for ever, in its headers too."""

import http.client
import io
import socket
import time
from functools import partial
from typing import Any

import urllib3


def bound(manager: urllib3.PoolManager, whole_s: float) -> None:
    """Let no answer take longer, from the first wait for its headers to the end of its body; late ones are a read timeout."""
    pools: dict[str, Any] = manager.pool_classes_by_scheme
    manager.pool_classes_by_scheme = {scheme: _bounded(pool, whole_s) for scheme, pool in pools.items()}


def _bounded(pool: Any, whole_s: float) -> Any:
    response = staticmethod(partial(_Response, whole_s=whole_s))
    connection = type(pool.ConnectionCls.__name__, (pool.ConnectionCls,), {"response_class": response})
    return type(pool.__name__, (pool,), {"ConnectionCls": connection})


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *, whole_s: float, **given: Any) -> None:
        super().__init__(sock, **given)
        raw = self.fp.detach()
        self.fp = io.BufferedReader(_Bytes(raw, whole_s))


class _Bytes(io.RawIOBase):
    """The socket's, until it is too late."""

    def __init__(self, raw: io.RawIOBase, whole_s: float) -> None:
        self._raw = raw
        self._whole_s = whole_s
        self._until = time.monotonic() + whole_s

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if time.monotonic() > self._until:
            raise TimeoutError(f"answered for more than {self._whole_s:g} s")
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()
