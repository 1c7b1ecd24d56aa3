"""The crowd: how many requests are worked on at once. Whoever asks how the gateway is gets an answer however many others wait."""

import re
import threading

from flask import Flask, Response, g, request

from api.errors import answer

#: What is answered from files alone, at once, and is asked when nothing else goes.
ALWAYS = re.compile(r"(/api/v1)?/health(/live|/ready)?")
#: Come again after this; seconds.
RETRY_S = 1


def register(app: Flask, most: int) -> None:
    """Refuse what comes while so many others are worked on: 503. `most` leaves threads for health."""
    places = threading.BoundedSemaphore(most)

    @app.before_request
    def enter() -> Response | None:
        if ALWAYS.fullmatch(request.path):
            return None
        g.has_place = places.acquire(blocking=False)
        if g.has_place:
            return None
        response = answer(503, f"found {most} requests that wait already; expected fewer at once; try again")
        response.headers["Retry-After"] = str(RETRY_S)
        return response

    @app.teardown_request
    def leave(_fault: BaseException | None) -> None:
        if g.pop("has_place", False):
            places.release()
