"""The dashboards of what PostgreSQL keeps: balances, and the history of events and gaps. One row a panel."""

from panels import GREEN, RED, Json, Panel, dashboard, text, variable

_ACCOUNT = "account in (${account:sqlstring})"
_COIN = f"{_ACCOUNT} and coin in (${{coin:sqlstring}})"
# Each list of choices has one of its own, so that `in (…)` is never empty in a new database.
BALANCES = dashboard(
    "balances",
    "Balances",
    "What the exchange said of the account, as it is now and over time. Amounts are exact in the tables, and rounded where they are drawn.",
    [
        Panel("Equity", "The account's total, in USD, by the newest row.", "stat", "currencyUSD",
              [(f"select account, total_equity::float8 from newest_margin_balances where {_ACCOUNT}", "")], 6, 4, sql=True),
        Panel("Available", "What can be used, in USD.", "stat", "currencyUSD",
              [(f"select account, total_available_balance::float8 from newest_margin_balances where {_ACCOUNT}", "")], 6, 4, sql=True),
        Panel("Maintenance margin", "Below it the exchange closes positions.", "stat", "currencyUSD",
              [(f"select account, total_maintenance_margin::float8 from newest_margin_balances where {_ACCOUNT}", "")], 6, 4, sql=True),
        Panel("Stored within 1 s", "Share of the last 15 minutes' balances in PostgreSQL within a second of the socket. Target 99 %.", "stat", "percentunit",
              [("ws_gateway:persistence:ratio_15m", "")], 6, 4, ((None, RED), (0.99, GREEN))),
        Panel("Now", "The newest row of each coin, every digit as the exchange gave it. warnings: the rule that a row breaks.", "table", "string",
              [(f"""select account, account_type, coin, wallet_balance::text, available_balance::text, frozen::text, equity::text, usd_value::text,
    array_to_string(warnings, ', ') as warnings, event_timestamp, source
from newest_balances where {_COIN} order by usd_value desc nulls last, coin""", "")], 24, 10, sql=True),
        Panel("Equity over time", "The account's total, in USD.", "timeseries", "currencyUSD",
              [(f"""select event_timestamp as time, account as metric, total_equity::float8 as value
from account_margin_balances where {_ACCOUNT} and $__timeFilter(event_timestamp) order by event_timestamp""", "")], sql=True),
        Panel("Margin over time", "Initial and maintenance margin, in USD.", "timeseries", "currencyUSD",
              [(f"""select event_timestamp as time, total_initial_margin::float8 as initial, total_maintenance_margin::float8 as maintenance
from account_margin_balances where {_ACCOUNT} and $__timeFilter(event_timestamp) order by event_timestamp""", "")], sql=True),
        Panel("Wallet over time", "The last balance of each interval, by coin, in units of the coin.", "timeseries", "short",
              [(f"""select time, metric, value from (
    select distinct on (1, 2) $__timeGroup(event_timestamp, '$__interval') as time, coin as metric, wallet_balance::float8 as value
    from account_balances where {_COIN} and $__timeFilter(event_timestamp)
    order by 1, 2, event_timestamp desc, received_at desc) as last order by time""", "")], sql=True),
        Panel("Value over time", "The last value of each interval, by coin, in USD.", "timeseries", "currencyUSD",
              [(f"""select time, metric, value from (
    select distinct on (1, 2) $__timeGroup(event_timestamp, '$__interval') as time, coin as metric, usd_value::float8 as value
    from account_balances where {_COIN} and $__timeFilter(event_timestamp)
    order by 1, 2, event_timestamp desc, received_at desc) as last order by time""", "")], sql=True),
        Panel("From the socket to PostgreSQL", "How long a balance took to be stored.", "timeseries", "s",
              [(f"histogram_quantile({share}, sum by (le) (rate(ws_gateway_balance_write_seconds_bucket[$__rate_interval])))", f"p{share * 100:g}")
               for share in (0.5, 0.99)]),
        Panel("Warnings and rejections", "Balances that break a rule, which are stored; records that are no balance, which are dead letters.",
              "timeseries", "short",
              [("increase(ws_gateway_balance_warnings_total[$__rate_interval])", "warnings"),
               ("increase(ws_gateway_rejected_total[$__rate_interval])", "rejected")]),
    ],
    [variable("account", "Account", "select distinct account from newest_balances union select 'main' order by 1", sql=True),
     variable("coin", "Coin", "select distinct coin from newest_balances where account in (${account:sqlstring}) union select 'USDT' order by 1", sql=True)],
    "now-24h",
)  # fmt: skip

_CHOSEN = ("kind in (${kind:sqlstring}) and endpoint in (${endpoint:sqlstring}) and coalesce(topic, '') like '%' || ${topic:sqlstring} || '%' "
           "and $__timeFilter(at)")  # fmt: skip
_GAPS = ("endpoint in (${endpoint:sqlstring}) and coalesce(topic, '') like '%' || ${topic:sqlstring} || '%' "
         "and from_at < $__timeTo() and coalesce(to_at, now()) > $__timeFrom()")  # fmt: skip
EVENTS = dashboard(
    "events",
    "Event history",
    "What happened, newest first: connections, subscriptions, gaps, process deaths; by kind, endpoint and topic.",
    [
        Panel("Occurrences", "How many of the chosen there were.", "stat", "short", [(f"select count(*) from occurrences where {_CHOSEN}", "")], 6, 4, sql=True),
        Panel("Gaps", "Gaps that touch the chosen time.", "stat", "short", [(f"select count(*) from gaps where {_GAPS}", "")], 6, 4, sql=True),
        Panel("Not made good", "Of those, how many are known to be incomplete.", "stat", "short",
              [(f"select count(*) from gaps where {_GAPS} and recovered is false", "")], 6, 4, ((None, GREEN), (1, RED)), sql=True),
        Panel("Still open", "Of those, how many are not decided yet.", "stat", "short",
              [(f"select count(*) from gaps where {_GAPS} and to_at is null", "")], 6, 4, ((None, GREEN), (1, RED)), sql=True),
        Panel("By kind", "Occurrences in each interval.", "timeseries", "short",
              [(f"""select $__timeGroup(at, '$__interval') as time, kind as metric, count(*) as value
from occurrences where {_CHOSEN} group by 1, 2 order by 1""", "")], 24, 8, sql=True),
        Panel("History", "The newest thousand of the chosen.", "table", "string",
              [(f"""select at, kind, endpoint, worker, topic, detail, gap_id
from occurrences where {_CHOSEN} order by at desc, sequence desc, event_id limit 1000""", "")], 24, 12, sql=True),
        Panel("Gaps, newest first", "recovered: true, made good; false, something is missing; empty, not decided yet.", "table", "string",
              [(f"""select from_at, to_at, endpoint, worker, topic, cause, recovered, detail, id
from gaps where {_GAPS} order by from_at desc, id limit 1000""", "")], 24, 10, sql=True),
    ],
    [variable("kind", "Kind", "select distinct kind from occurrences union select 'connected' order by 1", sql=True),
     variable("endpoint", "Endpoint", "select endpoint from occurrences union select endpoint from gaps union select 'linear' order by 1", sql=True),
     text("topic", "Topic contains")],
    "now-24h",
)  # fmt: skip

DASHBOARDS: dict[str, Json] = {"balances": BALANCES, "events": EVENTS}
