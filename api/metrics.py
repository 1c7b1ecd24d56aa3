"""GET /metrics: what all processes count, for Prometheus."""

from flask import Response
from flask_openapi3 import APIBlueprint, Tag

from api.parts import Parts
from gateway.health import state
from gateway.metrics import text
from gateway.metrics.scrape import scrape

_EXAMPLE = "# TYPE ws_gateway_gaps_open gauge\nws_gateway_gaps_open 0\n"
_CONTENT = {"schema": {"type": "string"}, "example": _EXAMPLE}
_TEXT = {"description": "Prometheus' text format", "content": {text.CONTENT_TYPE: _CONTENT}}


def blueprint(parts: Parts) -> APIBlueprint:
    """Of files alone, also for what was asked of this process itself: whoever answers, no counter goes back."""
    routes = APIBlueprint("metrics", __name__, abp_tags=[Tag(name="health")])

    @routes.get("/metrics", summary="Metrics for Prometheus", operation_id="metrics", responses={200: _TEXT})
    def metrics() -> Response:
        """Every metric of docs/METRICS.md, summed up over all processes."""
        requests = [words.counted for words in state.read_requests(parts.var_dir)]
        return Response(scrape(parts.known(), state.read_api(parts.var_dir), requests), content_type=text.CONTENT_TYPE)

    return routes
