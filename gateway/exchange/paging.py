"""Lists that come in pages: how the exchange leads from one to the next. Source: protocol notes, sections 9.1 and 9.3."""

import urllib.parse
from collections.abc import Callable, Iterator, Mapping

from gateway.errors import LinkLost
from gateway.exchange.calls import Answer

#: Of a list. An exchange that goes on for ever is not believed.
MOST_PAGES = 100


def pages(
    ask: Callable[[Mapping[str, str]], Answer], fields: Mapping[str, str], *, who: str, most: int = MOST_PAGES
) -> Iterator[Answer]:
    """Page after page, each with a list. A last one may name a next one, which is then empty. Raises LinkLost for what is no list.

    who  for messages: the exchange and the call
    """
    asked, seen = dict(fields), set[str]()
    for _ in range(most):
        answer = ask(asked)
        found, cursor = answer.result.get("list"), answer.result.get("nextPageCursor") or ""
        if not isinstance(found, list) or not isinstance(cursor, str):
            raise LinkLost(f"{who} answered without a list: {str(answer.result)[:100]}")
        yield answer
        if not found or not cursor:
            return
        if cursor in seen:
            raise LinkLost(f"{who} answered with a page that leads back: {cursor[:100]!r}")
        seen.add(cursor)
        # It comes percent-encoded and is sent back as it came (protocol notes, section 9.1): it is encoded again on its way.
        asked["cursor"] = urllib.parse.unquote(cursor)
    raise LinkLost(f"{who} answered with more than {most} pages")
