"""What every answer tells a browser: to run and show nothing that is not ours, to be framed by nobody, to keep and send on nothing.

No answer allows another origin to read it: CORS is off.
"""

import re

from flask import Flask, Response, request

#: A page has scripts and styles in files of its own, and asks the API that it came from.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
#: The documentation's reader makes its styles and its search as it runs.
READER_POLICY = POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'") + "; worker-src blob:"
#: The control page puts no text into the page but as text: a browser that knows the rule refuses anything else.
PAGE_POLICY = POLICY + "; require-trusted-types-for 'script'; trusted-types 'none'"
READER = re.compile(r"/docs/redoc")

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def register(app: Flask) -> None:
    """On every answer, refusals too."""

    @app.after_request
    def mark(response: Response) -> Response:
        policy = PAGE_POLICY if request.path == "/" else READER_POLICY if READER.fullmatch(request.path) else POLICY
        response.headers["Content-Security-Policy"] = policy
        response.headers.update(HEADERS)
        return response
