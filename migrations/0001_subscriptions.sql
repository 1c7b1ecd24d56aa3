-- Who wants which topic. One row a wish; the workers hold each topic once, however many rows want it.
create table subscriptions (
    id                 uuid primary key,
    channel_type       text not null,
    symbol             text,
    category           text,
    category_source    text,
    symbol_verified    boolean,
    depth              integer,
    "interval"         text,
    topic              text not null,
    endpoint           text not null,
    requesting_service text not null,
    delivery           text not null,
    queue              text not null,
    binding            text not null,
    queue_state        text not null,
    is_active          boolean not null default true,
    state              text not null,
    last_error         text,
    created_at         timestamptz not null default now(),
    updated_at         timestamptz not null default now(),
    last_event_at      timestamptz
);

create unique index subscriptions_one_wish on subscriptions
    (requesting_service, channel_type, coalesce(category, ''), coalesce(symbol, ''), topic) where is_active;
create index subscriptions_by_endpoint on subscriptions (endpoint, topic) where is_active;
create index subscriptions_by_age on subscriptions (created_at, id);
create index subscriptions_by_queue on subscriptions (queue);
