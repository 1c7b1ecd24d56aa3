"""/balances: what the account holds."""

from flask import Response, jsonify
from flask_openapi3 import APIBlueprint, Tag

from api.access import NEEDS_KEY
from api.parts import Parts
from api.shapes import BalanceFilter, Balances, Error, plain
from gateway import balances


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

    return routes
