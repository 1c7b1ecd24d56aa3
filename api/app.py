"""The control API: settings in, a Flask application out."""

import time
from functools import partial

from flask import jsonify
from flask_openapi3 import Info, OpenAPI

import gateway
from api import access, audit, balances, described, documents, errors, headers, health, ledger, subscriptions
from api.asked import Rules
from api.parts import Parts
from api.shapes import Error
from gateway import keys, state
from gateway.attempts import Attempts
from gateway.config import Settings
from gateway.db import Pool
from gateway.exchange import budget
from gateway.exchange.budget import RestBudget
from gateway.exchange.rest import Rest
from gateway.health import Known
from gateway.keyring import Keyring
from gateway.resolution import PATIENCE_S, Resolver
from gateway.sinks.topology import QueuePolicy, Topology

#: Threads of one gunicorn worker, and so database connections it may need at once.
THREADS = 8


def create_app(settings: Settings) -> OpenAPI:
    """All routes. Connects to nothing yet. Raises SettingError when the var folder's API key cannot be used."""
    app = OpenAPI(
        "api",
        info=Info(title="ws-gateway control API", version=gateway.__version__),
        security_schemes=described.SCHEMES,
        validation_error_status=400,
        validation_error_model=Error,
        validation_error_callback=errors.not_valid,
        doc_prefix="/docs",
        doc_url="/openapi.json",
    )
    policy = QueuePolicy(settings.queue_type, settings.queue_ttl_ms, settings.queue_max_length)
    parts = Parts(
        pool=Pool(settings.database_url, name="ws-gateway api", size=THREADS),
        rules=Rules(settings.enabled_categories, settings.environment, settings.has_credentials),
        resolver=Resolver(
            Rest(
                settings.rest_base,
                ca_file=settings.ca_file,
                proxy=settings.proxy,
                timeout_s=PATIENCE_S,
                whole_s=PATIENCE_S,
                budget=RestBudget(budget.folder_of(settings.var_dir, settings.rest_base), private=False),
            ),
            settings.default_category,
            settings.enabled_categories,
        ),
        topology=lambda: Topology(settings.broker_url, policy),
        known=lambda: _known(settings),
    )
    app.config |= {"OPENAPI_HTML_STRING": described.INDEX_PAGE, "REDOC_HTML_STRING": described.READER_PAGE}
    errors.register(app)
    for blueprint in (
        subscriptions.blueprint(parts),
        balances.blueprint(parts),
        ledger.blueprint(parts),
        audit.blueprint(parts),
        documents.blueprint(),
        health.connections_blueprint(parts),
        health.blueprint(parts, ""),
        health.blueprint(parts, "/api/v1"),
    ):
        app.register_api(blueprint)
    app.add_url_rule("/openapi.json", "openapi_json", lambda: jsonify(app.api_doc))
    app.json.sort_keys = False  # type: ignore[attr-defined] # the default provider has it
    described.complete(app.api_doc)
    access.register(
        app,
        Keyring(settings.database_url, keys.admin_key(settings.admin_key, settings.var_dir)),
        Attempts(settings.var_dir / "attempts"),
        partial(subscriptions.service_of, parts),
        described.query_fields(app.api_doc),
    )
    headers.register(app)
    return app


def _known(settings: Settings) -> Known:
    return Known(
        workers=state.read_workers(settings.var_dir),
        router=state.read_router(settings.var_dir),
        now_ms=time.time_ns() // 1_000_000,
        environment=settings.environment,
        version=gateway.__version__,
        spool_max_bytes=settings.spool_max_bytes,
    )
