-- What the exchange lists. No row is ever deleted: one that the exchange no longer lists is Closed.
create table instruments (
    category      text not null,
    symbol        text not null,
    status        text not null,
    base_coin     text,
    quote_coin    text,
    settle_coin   text,
    contract_type text,
    launch_time   timestamptz,
    delivery_time timestamptz,
    first_seen_at timestamptz not null default now(),
    updated_at    timestamptz not null default now(),
    primary key (category, symbol)
);

create index instruments_by_symbol on instruments (symbol);
create index instruments_by_base_coin on instruments (category, base_coin);

-- When each category was last read completely.
create table catalogs (
    category text primary key,
    read_at  timestamptz not null
);
