-- What may be missing, what happened, what could not be stored, and how far the account has been read over REST.

-- One row a gap: the last telling of it. updated_at, sequence and told_by name that telling; opened_at is the time of the first.
create table gaps (
    id         uuid primary key,
    endpoint   text not null,
    worker     text not null,
    topic      text,
    cause      text not null,
    from_at    timestamptz not null,
    to_at      timestamptz,
    recovered  boolean,
    detail     text,
    opened_at  timestamptz not null,
    updated_at timestamptz not null,
    sequence   bigint not null,
    told_by    uuid not null
);

create index gaps_newest on gaps (from_at desc, id);
create index gaps_of_topic on gaps (topic, from_at desc, id);
create index gaps_closed on gaps (to_at) where to_at is not null;

-- One row a `system` event.
create table occurrences (
    event_id uuid primary key,
    at       timestamptz not null,
    kind     text not null,
    endpoint text not null,
    worker   text not null,
    topic    text,
    gap_id   uuid,
    detail   text,
    sequence bigint not null
);

create index occurrences_newest on occurrences (at desc, sequence desc, event_id);
create index occurrences_of_kind on occurrences (kind, at desc, sequence desc, event_id);

create table dead_letters (
    id       uuid primary key,
    at       timestamptz not null,
    process  text not null,
    topic    text not null,
    reason   text not null,
    record   text not null,
    trace_id text
);

create index dead_letters_age on dead_letters (at);

create table checkpoints (
    account    text not null,
    name       text not null,
    value      jsonb not null,
    updated_at timestamptz not null default now(),
    primary key (account, name)
);

create index account_balances_age on account_balances (event_timestamp);
create index account_margin_balances_age on account_margin_balances (event_timestamp);

-- The newest row of each coin: from key to key through the index account_balances_latest, however long the history is.
create view newest_balances as
with recursive keys as (
    (select account, account_type, coin from account_balances order by account, account_type, coin limit 1)
    union all
    select further.account, further.account_type, further.coin
    from keys cross join lateral (
        select account, account_type, coin from account_balances
        where (account, account_type, coin) > (keys.account, keys.account_type, keys.coin)
        order by account, account_type, coin
        limit 1
    ) as further
)
select newest.*
from keys cross join lateral (
    select * from account_balances as stored
    where stored.account = keys.account and stored.account_type = keys.account_type and stored.coin = keys.coin
    order by event_timestamp desc, received_at desc, event_id desc
    limit 1
) as newest;

-- The newest totals of each account.
create view newest_margin_balances as
with recursive keys as (
    (select account, account_type from account_margin_balances order by account, account_type limit 1)
    union all
    select further.account, further.account_type
    from keys cross join lateral (
        select account, account_type from account_margin_balances
        where (account, account_type) > (keys.account, keys.account_type)
        order by account, account_type
        limit 1
    ) as further
)
select newest.*
from keys cross join lateral (
    select * from account_margin_balances as stored
    where stored.account = keys.account and stored.account_type = keys.account_type
    order by event_timestamp desc, received_at desc, event_id desc
    limit 1
) as newest;
