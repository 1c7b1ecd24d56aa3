"""The control API, as the commands call it."""

import json
from collections.abc import Iterator
from typing import Any

import urllib3

from cli import screen
from gateway import keys
from gateway.config import Settings
from gateway.errors import LineFault, RequestError

#: An answer takes at most this long; seconds.
TIMEOUT_S = 10.0
#: Rows of one page: the most that a list gives.
PAGE = 1000
#: Letters of an id that are enough, where no other begins so.
SHORTEST_ID = 4


class ApiAway(LineFault):
    """The control API does not answer."""


class Client:
    """Calls with the administrator's key. Raises ApiAway, and RequestError with the API's own words."""

    def __init__(self, settings: Settings) -> None:
        self.url = f"http://{settings.host}:{settings.port}"
        self._key = keys.admin_key(settings.admin_key, settings.var_dir)
        self._http = urllib3.PoolManager(timeout=TIMEOUT_S, retries=False)

    def call(self, method: str, path: str, *, body: Any = None, fields: dict[str, str] | None = None) -> Any:
        """The body; on a terminal stderr says meanwhile what is waited for."""
        with screen.waiting("waiting for the control API"):
            return self.read(method, path, body=body, fields=fields)

    def read(self, method: str, path: str, *, body: Any = None, fields: dict[str, str] | None = None) -> Any:
        """The same without a word."""
        status, answer = self.ask(method, path, body=body, fields=fields)
        if status >= 400:
            raise RequestError(str(answer.get("error", answer)), code=str(answer.get("code", status)), status=status)
        return answer

    def text(self, path: str) -> str:
        """The body of an answer that is no JSON."""
        status, answer = self._answer("GET", path)
        if status != 200:
            raise RequestError(f"{path} was answered with HTTP {status}; expected 200", code=str(status), status=status)
        return answer.decode()

    def all_of(self, path: str, name: str, **fields: str) -> Iterator[dict[str, Any]]:
        """Every row of a list, page after page."""
        offset = 0
        while True:
            answer = self.call("GET", path, fields={**fields, "limit": str(PAGE), "offset": str(offset)})
            yield from answer[name]
            offset += len(answer[name])
            if offset >= answer["total"] or not answer[name]:
                return

    def subscription_id(self, begin: str) -> str:
        """The whole id of the active subscription whose id begins so. Raises RequestError where there is none, or are several."""
        if len(begin) >= 36:
            return begin
        found = [row for row in self.all_of("/api/v1/subscriptions", "subscriptions", is_active="true") if _begins(row, begin)]
        if len(begin) < SHORTEST_ID or len(found) != 1:
            raise RequestError(
                f"found {len(found)} active subscriptions whose id begins with {begin!r}; expected one, and at least {SHORTEST_ID} letters"
            )
        return str(found[0]["id"])

    def ask(self, method: str, path: str, *, body: Any = None, fields: dict[str, str] | None = None) -> tuple[int, Any]:
        """Status and body, whatever the status."""
        status, answer = self._answer(method, path, body=body, fields=fields)
        try:
            return status, json.loads(answer)
        except json.JSONDecodeError as fault:
            raise ApiAway(f"{self.url} answers, but it is not the control API") from fault

    def _answer(self, method: str, path: str, *, body: Any = None, fields: dict[str, str] | None = None) -> tuple[int, bytes]:
        headers = {"X-API-Key": self._key}
        if body is not None:
            headers["Content-Type"] = "application/json"
        data = None if body is None else json.dumps(body).encode()
        try:
            response = self._http.request(method, self.url + path, body=data, fields=fields, headers=headers)
        except urllib3.exceptions.HTTPError as fault:
            raise ApiAway(
                f"the control API at {self.url} does not answer ({type(fault).__name__}); is the gateway running?"
            ) from fault
        return response.status, response.data


def _begins(row: dict[str, Any], begin: str) -> bool:
    return str(row["id"]).startswith(begin.lower())
