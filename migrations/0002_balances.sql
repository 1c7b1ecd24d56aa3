-- What the exchange said of the account, append-only. Amounts are numeric without a scale: nothing is rounded.
create table account_balances (
    id                uuid primary key,
    account           text not null,
    account_type      text not null,
    coin              text not null,
    wallet_balance    numeric,
    available_balance numeric,
    frozen            numeric,
    equity            numeric,
    usd_value         numeric,
    margin_collateral boolean,
    total_order_im    numeric,
    total_position_im numeric,
    event_timestamp   timestamptz not null,
    received_at       timestamptz not null,
    event_id          uuid not null,
    trace_id          text not null,
    source            text not null,
    derived           text[] not null,
    warnings          text[] not null,
    unique (event_id, account_type, coin)
);

create index account_balances_latest on account_balances (account, account_type, coin, event_timestamp desc, received_at desc);

create table account_margin_balances (
    id                       uuid primary key,
    account                  text not null,
    account_type             text not null,
    total_equity             numeric,
    total_wallet_balance     numeric,
    total_margin_balance     numeric,
    total_available_balance  numeric,
    total_initial_margin     numeric,
    total_maintenance_margin numeric,
    total_order_im           numeric,
    base_currency            text not null,
    event_timestamp          timestamptz not null,
    received_at              timestamptz not null,
    event_id                 uuid not null,
    trace_id                 text not null,
    source                   text not null,
    warnings                 text[] not null,
    unique (event_id, account_type)
);

create index account_margin_balances_latest on account_margin_balances (account, account_type, event_timestamp desc, received_at desc);
