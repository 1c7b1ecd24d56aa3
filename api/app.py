"""The control API: settings in, a Flask application out."""

import time
from functools import partial

from flask import jsonify
from flask_openapi3 import Info, OpenAPI

import gateway
from api import (
    access,
    audit,
    balances,
    crowd,
    described,
    documents,
    errors,
    headers,
    health,
    holdings,
    ledger,
    metrics,
    page,
    reader,
    requests,
    subscriptions,
)
from api.asked import Rules
from api.door import Door
from api.parts import Parts
from api.requests import Requests
from api.shapes import Error
from gateway import keys
from gateway.config import Settings
from gateway.database.pool import Pool
from gateway.disk.attempts import Attempts
from gateway.exchange import budget
from gateway.exchange.budget import RestBudget
from gateway.exchange.clock import ExchangeClock
from gateway.exchange.rest import Rest
from gateway.exchange.signed import SignedRest
from gateway.exchange.signing import signer
from gateway.health import state
from gateway.health.known import Known
from gateway.keyring import Keyring
from gateway.protocol.session import Credentials
from gateway.resolution import PATIENCE_S, Resolver
from gateway.sinks.topology import QueuePolicy, Topology
from gateway.wallet_sync import WITHIN_S, WalletSync
from gateway.wire import Stamp

#: Its name in logs and rows.
PROCESS = "api_00"
#: Threads of one gunicorn worker; how many of them may have work that waits for something, so that health finds one; and connections
#: to PostgreSQL.
THREADS, AT_ONCE, CONNECTIONS = 64, 48, 8


def create_app(settings: Settings) -> OpenAPI:
    """All routes. Connects to nothing yet. Raises SettingError when the var folder's API key or the exchange's secret cannot be used."""
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
        pool=Pool(settings.database_url, name="ws-gateway api", size=CONNECTIONS),
        rules=Rules(settings.enabled_categories, settings.environment, settings.has_credentials),
        resolver=Resolver(
            _rest(settings, PATIENCE_S, private=False),
            settings.default_category,
            settings.enabled_categories,
        ),
        door=Door(lambda: Topology(settings.broker_url, policy)),
        known=lambda: _known(settings),
        requests=Requests(settings.var_dir),
        var_dir=settings.var_dir,
        wallet=_wallet(settings) if settings.has_credentials else None,
    )
    app.url_map.merge_slashes = False  # a path has one spelling: no answer sends anybody to another
    reader.register(app)
    errors.register(app)
    access.trace(app)
    crowd.register(app, AT_ONCE)
    for blueprint in (
        subscriptions.blueprint(parts),
        holdings.blueprint(parts),
        balances.blueprint(parts),
        ledger.blueprint(parts),
        audit.blueprint(parts),
        documents.blueprint(),
        health.connections_blueprint(parts),
        health.blueprint(parts, ""),
        metrics.blueprint(parts),
        health.blueprint(parts, "/api/v1"),
    ):
        app.register_api(blueprint)
    app.add_url_rule("/openapi.json", "openapi_json", lambda: jsonify(app.api_doc))
    page.register(app)
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
    requests.register(app, parts.requests)
    app.extensions["requests"] = parts.requests
    return app


def _rest(settings: Settings, patience_s: float, *, private: bool) -> Rest:
    """Within what all processes of the host may ask together; each wait, and each answer, takes at most `patience_s`."""
    shared = RestBudget(budget.folder_of(settings.var_dir, settings.rest_base), private=private)
    return Rest(
        settings.rest_base, ca_file=settings.ca_file, proxy=settings.proxy, timeout_s=patience_s, whole_s=patience_s, budget=shared
    )


def _wallet(settings: Settings) -> WalletSync:
    rest = _rest(settings, WITHIN_S / 2, private=True)  # its clock, then its list
    clock = ExchangeClock(rest.server_time_ms, worker=PROCESS)
    signed = SignedRest(rest, Credentials(settings.api_key, signer(settings.api_secret)), clock)
    stamp = Stamp(worker=PROCESS, account=settings.account, include_raw="off", started_ms=time.time_ns() // 1_000_000)
    return WalletSync(signed, stamp, account=settings.account, process=PROCESS)


def _known(settings: Settings) -> Known:
    return Known(
        workers=state.read_workers(settings.var_dir),
        router=state.read_router(settings.var_dir),
        now_ms=time.time_ns() // 1_000_000,
        environment=settings.environment,
        version=gateway.__version__,
        spool_max_bytes=settings.spool_max_bytes,
        guard=state.read_guard(settings.var_dir),
    )
