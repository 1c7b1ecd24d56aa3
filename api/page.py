"""The control page at /: a page without data, whose scripts ask the API with the key that a person types in.

Its parts are plain files under `static/`, which Flask serves; none comes from elsewhere, and nothing builds them.
"""

from flask import Flask, Response

#: Below `static/`.
PAGE = "index.html"


def register(app: Flask) -> None:
    """The page itself; open, like its parts."""

    def page() -> Response:
        return app.send_static_file(PAGE)

    app.add_url_rule("/", "page", page)
