"""/docs: the documentation to read, as pages without scripts of their own, see `headers.py`.

A proxy in front of the API may speak another scheme under another name, so no answer sends anybody to a whole URL.
"""

from flask_openapi3 import OpenAPI

_PAGE = (
    '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>ws-gateway control API</title></head><body>{}</body></html>'
)
#: Links begin at the page's own folder: that of /docs is the root's.
_INDEX = _PAGE.format(
    '{% set folder = "" if request.path.endswith("/") else "docs/" %}'
    '<ul><li><a href="{{ folder }}redoc">to read</a></li><li><a href="{{ folder }}openapi.json">OpenAPI</a></li></ul>'
)
_READER = _PAGE.format('<redoc spec-url="openapi.json"></redoc><script src="redoc/js/redoc.standalone.js"></script>')


def register(app: OpenAPI) -> None:
    """The pages in place of the library's, under /docs and /docs/."""
    app.config |= {"OPENAPI_HTML_STRING": _INDEX, "REDOC_HTML_STRING": _READER}
    app.add_url_rule("/docs", "docs", app.view_functions["openapi.openapi"])
