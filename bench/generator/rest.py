"""The exchange's REST calls of the benchmark: a catalog of made-up instruments, the time, and no history at all."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from simulator.market.instruments import INSTRUMENTS, Instrument
from simulator.market.made_up import made_up

_INSTRUMENTS, _SPREADS = "/v5/market/instruments-info", "/v5/spread/instrument"
_LIMIT = 500


def catalog(symbols: int) -> dict[str, list[Instrument]]:
    """By category: the usual instruments, and so many perpetuals that are made up."""
    rows = [*INSTRUMENTS, *(row for row in made_up(symbols) if row.category == "linear")]
    return {category: [row for row in rows if row.category == category] for category in {row.category for row in rows}}


def answer(listed: dict[str, list[Instrument]], path: str, query: dict[str, str], now_ms: int) -> dict[str, Any]:
    """The body of any call; of those that tell of the past, that there was none."""
    result: dict[str, Any] = {"list": []}
    if path in (_INSTRUMENTS, _SPREADS):
        category = "spread" if path == _SPREADS else query.get("category", "linear")
        rows = [row for row in listed.get(category, ()) if _is_asked(row, query)]
        first, count = int(query.get("cursor") or 0), int(query.get("limit") or _LIMIT)
        more = str(first + count) if first + count < len(rows) else ""
        result = {"category": category, "list": [row.row() for row in rows[first : first + count]], "nextPageCursor": more}
    elif path == "/v5/market/time":
        result = {"timeSecond": str(now_ms // 1000), "timeNano": str(now_ms * 1_000_000)}
    return {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": now_ms}


def _is_asked(row: Instrument, query: dict[str, str]) -> bool:
    return query.get("symbol") in (None, "", row.symbol) and query.get("baseCoin") in (None, "", row.base)


def serve(symbols: int) -> str:
    """In a thread of its own, on a free port of loopback. The base URL."""
    listed = catalog(symbols)

    class Calls(BaseHTTPRequestHandler):
        """One connection."""

        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:  # the library's name
            asked = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(asked.query).items()}
            body = json.dumps(answer(listed, asked.path, query, time.time_ns() // 1_000_000)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_words: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Calls)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"
