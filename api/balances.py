"""/balances: what the account holds, what it held, and reading it anew."""

from flask import Response, jsonify
from flask_openapi3 import APIBlueprint, Tag

from api.access import NEEDS_KEY, caller
from api.balance_shapes import BalanceFilter, BalanceHistory, Balances, HistoryFilter, Synced
from api.parts import Parts
from api.shapes import Error, plain
from api.spans import span_of
from gateway.database import balances
from gateway.errors import CredentialsRefused, ExchangeError, LinkLost, NotCredible, RequestError


def blueprint(parts: Parts) -> APIBlueprint:
    routes = APIBlueprint("balances", __name__, url_prefix="/api/v1", abp_tags=[Tag(name="balances")], abp_security=NEEDS_KEY)

    @routes.get("/balances", summary="Latest balances", responses={200: Balances, 400: Error, 401: Error, 503: Error})
    def latest(query: BalanceFilter) -> Response:
        """The newest row of each coin by the exchange's time, and the account's newest totals."""
        with parts.pool.connection() as connection:
            rows, margin, total = balances.latest(
                connection, coin=query.coin, account_type=query.account_type, limit=query.limit, offset=query.offset
            )
        shown = {"balances": [plain(row) for row in rows], "margin_balance": plain(margin) if margin else None, "total": total}
        return jsonify(shown)

    @routes.get(
        "/balances/history", summary="All balances of a time", responses={200: BalanceHistory, 400: Error, 401: Error, 503: Error}
    )
    def history(query: HistoryFilter) -> Response:
        """Newest first by the exchange's time: every row that was stored, of one coin or of all."""
        span = span_of(query.start, query.end)
        with parts.pool.connection() as connection:
            rows, total = balances.history(connection, coin=query.coin, span=span, limit=query.limit, offset=query.offset)
        return jsonify({"balances": [plain(row) for row in rows], "total": total})

    @routes.post(
        "/balances/sync",
        summary="Read the wallet now",
        responses={200: Synced, 401: Error, 409: Error, 502: Error, 503: Error},
    )
    def sync() -> Response:
        """All coins over the exchange's REST, within 8 s; coins that it does not list any more are stored with zeros. 409 while another
        sync is under way. No body is needed.
        """
        if parts.wallet is None:
            reason = "found no credentials of the exchange; expected BYBIT_API_KEY and BYBIT_API_SECRET"
            raise RequestError(reason, code="CREDENTIALS_MISSING", status=503)
        try:
            with parts.pool.connection() as connection:
                coins = parts.wallet.run(connection, caller())
        except (LinkLost, ExchangeError, NotCredible) as fault:
            raise _exchange_error(fault) from fault
        return jsonify({"updated_coins": coins, "updated_count": len(coins)})

    return routes


def _exchange_error(fault: LinkLost | ExchangeError | NotCredible) -> RequestError:
    """With the exchange's code and words, where it said any."""
    said = fault if isinstance(fault, ExchangeError) else None
    words = f"{fault}; {fault.words}" if isinstance(fault, CredentialsRefused) else str(fault)
    details: dict[str, object] = {"ret_code": said.ret_code if said else None, "ret_msg": said.ret_msg if said else None}
    return RequestError(words, code="EXCHANGE_ERROR", status=502, details=details)
