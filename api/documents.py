"""/asyncapi.json and /schemas: what the messages on the broker look like. Open, like the documentation."""

from collections.abc import Mapping

from flask import Response, jsonify
from flask_openapi3 import APIBlueprint, Tag

from api.shapes import Error, EventClass, Schemas
from gateway.errors import RequestError
from gateway.schemas import asyncapi, schemas

SCHEMA_TYPE = "application/schema+json"


def blueprint() -> APIBlueprint:
    """The texts are made once, and are those of the files under docs/."""
    routes = APIBlueprint("documents", __name__, abp_tags=[Tag(name="documents")])
    published = schemas.all_schemas()
    texts = {name: schemas.text(found) for name, found in published.items()}
    described = asyncapi.document()
    events = schemas.text(described)

    @routes.get(
        "/asyncapi.json",
        summary="AsyncAPI 3.0",
        operation_id="asyncapi",
        responses={200: _as(asyncapi.CONTENT_TYPE, described)},
    )
    def of_the_broker() -> Response:
        """The exchange, the queues and the messages of each event class."""
        return Response(events, content_type=asyncapi.CONTENT_TYPE)

    @routes.get("/schemas", summary="Event classes that have a schema", operation_id="schemas", responses={200: Schemas})
    def index() -> Response:
        """Each with what one event is, and the path of its schema."""
        listed = [
            {"event_type": name, "description": found["description"], "schema_path": f"/schemas/{name}"}
            for name, found in published.items()
        ]
        return jsonify({"schemas": listed})

    @routes.get(
        "/schemas/<event_type>",
        summary="JSON Schema of one event class",
        operation_id="schema",
        responses={200: _as(SCHEMA_TYPE, published["trade"]), 404: Error},
    )
    def of_a_class(path: EventClass) -> Response:
        """Of one whole message. The name may end in .json, as in the schema's own `$id`."""
        name = path.event_type.removesuffix(".json")
        if name not in texts:
            reason = f"found no event class {name[:100]!r}; expected one of {', '.join(texts)}"
            raise RequestError(reason, code="NOT_FOUND", status=404)
        return Response(texts[name], content_type=SCHEMA_TYPE)

    return routes


def _as(content_type: str, whole: Mapping[str, object]) -> dict[str, object]:
    """For the OpenAPI document: an object of that content type, and the beginning of one."""
    example = {name: found for name, found in whole.items() if isinstance(found, str)}
    return {"description": "OK", "content": {content_type: {"schema": {"type": "object"}, "example": example}}}
