-- Every statement of the gateway, by name, with a sentence each. `gateway/database/statements.py` finds them.

-- name: applied_version
-- The newest migration; 0 before the first.
select coalesce(max(version), 0) from schema_migrations

-- name: wanted
-- What an endpoint's workers should hold. Of events that come in batches, once the router puts them into some: else a book would
-- begin without its snapshot.
select id, topic, channel_type, symbol, category, requesting_service, state, last_error, queue, snapshot_seconds, resyncs, depth, "interval", bound_at, trace_id
from subscriptions
where is_active and endpoint = %(endpoint)s and not (delivery = 'batch' and queue_state = 'pending')
order by created_at, id

-- name: wanted_mark
-- Changes whenever what `wanted` reads does; a thousand rows cost the reader nothing.
select count(*) || ' ' || coalesce(sum(hashtextextended(
    concat_ws(' ', id, state, last_error, delivery, queue, queue_state, snapshot_seconds, resyncs, bound_at, trace_id), 0)), 0)
from subscriptions
where is_active and endpoint = %(endpoint)s

-- name: held_since
-- Which wishes' topics were held, and the newest word about each, in Unix milliseconds: of an event, else of the state.
select id, extract(epoch from coalesce(last_event_at, updated_at)) * 1000 as at_ms
from subscriptions
where is_active and endpoint = %(endpoint)s and state in ('acknowledged', 'live', 'stalled')

-- name: lock_slots
-- One process of an endpoint at a time looks at who runs what, and writes that it runs now; until the transaction's end.
select pg_advisory_xact_lock(hashtextextended('ws-gateway slots ' || %(endpoint)s, 0))

-- name: slot_in_the_way
-- Another machine that spoke within the last seconds and runs the same process, or counts the endpoint's processes otherwise; or runs
-- any of them, where one machine has all.
select number, processes, host
from slots
where endpoint = %(endpoint)s and host_id <> %(host_id)s and seen_at > now() - make_interval(secs => %(silent_s)s)
    and (number = %(number)s or processes <> %(processes)s or %(is_alone)s)
order by number <> %(number)s, number
limit 1

-- name: claim_slot
-- This machine runs that process.
insert into slots (endpoint, number, processes, host_id, host, seen_at)
values (%(endpoint)s, %(number)s, %(processes)s, %(host_id)s, %(host)s, now())
on conflict (endpoint, number) do update
set processes = excluded.processes, host_id = excluded.host_id, host = excluded.host, seen_at = now()

-- name: leave_slot
-- It does no more.
delete from slots where endpoint = %(endpoint)s and number = %(number)s and host_id = %(host_id)s

-- name: count_active
-- How many wishes there are.
select count(*) from subscriptions where is_active

-- name: report_topics
-- A worker's words about its topics; `updated_at` moves only when the state or its error does. Rows are locked in the order of their
-- ids, here as wherever a statement writes several of them: so nobody waits for us while we wait for them.
with said (endpoint, topic, state, last_error, last_event_ms) as (values %s),
locked as (
    select wish.id, said.state, said.last_error, said.last_event_ms
    from subscriptions as wish join said using (endpoint, topic)
    where wish.is_active
    order by wish.id
    for update of wish
)
update subscriptions
set updated_at = case when (subscriptions.state, subscriptions.last_error) is distinct from (locked.state, locked.last_error) then now() else subscriptions.updated_at end,
    state = locked.state,
    last_error = locked.last_error,
    last_event_at = greatest(subscriptions.last_event_at, to_timestamp(locked.last_event_ms / 1000.0))
from locked
where subscriptions.id = locked.id

-- name: service_queues
-- The queues that services need, or have left; all, or one.
select id, queue, binding, queue_state, is_active, channel_type, category, symbol, depth, "interval", delivery
from subscriptions
where (is_active or queue_state <> 'removed') and (%(queue)s::text is null or queue = %(queue)s)
order by created_at, id

-- name: lock_queue
-- Until the end of the transaction nobody else declares, binds or deletes this queue.
select pg_advisory_xact_lock(hashtext('ws-gateway queue'), hashtext(%(queue)s))

-- name: set_queue_state
-- What became of a service's queue.
update subscriptions set queue_state = %(state)s
where id in (select id from subscriptions where id = any(%(ids)s::uuid[]) order by id for update)

-- name: wake
-- Wake the workers of these wishes when the transaction is committed.
select pg_notify('ws_gateway_subscriptions', endpoint)
from (select distinct endpoint from subscriptions where id = any(%(ids)s::uuid[])) as concerned

-- name: deliveries_of
-- How a queue is filled, but for these wishes.
select distinct delivery from subscriptions where is_active and queue = %(queue)s and id <> all(%(but)s::uuid[])

-- name: is_batched_elsewhere
-- Whether events of this class come in batches to anybody.
select exists (
    select from subscriptions where is_active and delivery = 'batch' and starts_with(queue, %(prefix)s)
)

-- name: is_or_was_batched
-- Whether a queue is filled in batches, or was until a moment ago: the router may do so still, whatever is wanted by now.
select exists (
    select from subscriptions
    where queue = %(queue)s
    and (delivery = 'batch' and (is_active or queue_state <> 'removed' or updated_at > now() - interval '1 minute') or queue_state = 'turning')
)

-- name: held
-- The active wish that is the same as a new one.
select * from subscriptions
where is_active and requesting_service = %(requesting_service)s and channel_type = %(channel_type)s
  and coalesce(category, '') = coalesce(%(category)s, '') and coalesce(symbol, '') = coalesce(%(symbol)s, '') and topic = %(topic)s

-- name: add
-- A new wish; nothing when the same service already holds it. Of several in one transaction the first is the oldest.
insert into subscriptions
    (id, channel_type, symbol, category, category_source, symbol_verified, depth, "interval", topic, endpoint, requesting_service,
     delivery, queue, binding, queue_state, state, last_error, snapshot_seconds, ttl_seconds, expires_at, trace_id, created_at, updated_at)
select
    %(id)s, %(channel_type)s, %(symbol)s, %(category)s, %(category_source)s, %(symbol_verified)s, %(depth)s, %(interval)s,
    %(topic)s, %(endpoint)s, %(requesting_service)s, %(delivery)s, %(queue)s, %(binding)s, %(queue_state)s, %(state)s, %(last_error)s,
    %(snapshot_seconds)s, %(ttl_seconds)s, moment + make_interval(secs => %(ttl_seconds)s), %(trace_id)s,
    moment, moment
from (select clock_timestamp() as moment) as clock
on conflict (requesting_service, channel_type, coalesce(category, ''), coalesce(symbol, ''), topic) where is_active do nothing
returning *

-- name: settle
-- The same wish with the settings that were asked for last; its lease begins anew.
update subscriptions
set snapshot_seconds = %(snapshot_seconds)s, symbol_verified = %(symbol_verified)s, ttl_seconds = %(ttl_seconds)s,
    delivery = %(delivery)s, queue_state = %(queue_state)s,
    expires_at = clock_timestamp() + make_interval(secs => %(ttl_seconds)s),
    updated_at = case when %(is_changed)s then now() else updated_at end
where is_active and id = %(id)s
returning *

-- name: lock_service
-- Until the end of the transaction nobody else makes, replaces or ends wishes of this service.
select pg_advisory_xact_lock(hashtext('ws-gateway service'), hashtext(%(service)s))

-- name: active_of
-- What a service wants, oldest first.
select * from subscriptions where is_active and requesting_service = %(service)s order by created_at, id

-- name: lock_wishes
-- Until the end of the transaction nobody else writes these rows.
select id from subscriptions where id = any(%(ids)s::uuid[]) order by id for update

-- name: lock_family
-- Until the end of the transaction nobody else adds a form of this private topic.
select pg_advisory_xact_lock(hashtext('ws-gateway private topic'), hashtext(%(family)s))

-- name: private_topics
-- What is held of the account's stream, whoever holds it, by other wishes than these.
select distinct topic from subscriptions where is_active and endpoint = 'private' and id <> all(%(but)s::uuid[]) order by topic

-- name: resync
-- One more time a fresh subscription of the topic on the exchange is asked for.
update subscriptions set resyncs = resyncs + 1, trace_id = %(trace_id)s where is_active and id = %(id)s
returning *

-- name: one
-- A subscription by its id, cancelled ones too.
select * from subscriptions where id = %(id)s

-- name: list
-- Subscriptions that match, oldest first, and how many match in all.
select *, count(*) over () as total
from subscriptions
where (%(requesting_service)s::text is null or requesting_service = %(requesting_service)s)
  and (%(is_active)s::boolean is null or is_active = %(is_active)s)
  and (%(channel_type)s::text is null or channel_type = %(channel_type)s)
  and (%(category)s::text is null or category = %(category)s)
  and (%(symbol)s::text is null or symbol = %(symbol)s)
  and (%(state)s::text is null or state = %(state)s)
order by created_at, id
limit %(limit)s offset %(offset)s

-- name: count
-- How many subscriptions match: for a page beyond the last.
select count(*)
from subscriptions
where (%(requesting_service)s::text is null or requesting_service = %(requesting_service)s)
  and (%(is_active)s::boolean is null or is_active = %(is_active)s)
  and (%(channel_type)s::text is null or channel_type = %(channel_type)s)
  and (%(category)s::text is null or category = %(category)s)
  and (%(symbol)s::text is null or symbol = %(symbol)s)
  and (%(state)s::text is null or state = %(state)s)

-- name: cancel
-- End active wishes: those with these ids, or all of a service.
update subscriptions
set is_active = false, state = 'cancelled', updated_at = now()
where id in (
    select id from subscriptions
    where is_active and (id = any(%(ids)s::uuid[]) or requesting_service = %(service)s)
    order by id
    for update
)
returning *

-- name: renew
-- Begin leases anew: of one wish, or of all of a service.
update subscriptions
set expires_at = clock_timestamp() + make_interval(secs => ttl_seconds)
where id in (
    select id from subscriptions
    where is_active and expires_at is not null and (id = %(id)s::uuid or requesting_service = %(service)s)
    order by id
    for update
)
returning *

-- name: has_leases
-- Whether there is any lease to look after.
select exists (select from subscriptions where is_active and expires_at is not null)

-- name: note_look
-- Seconds since somebody last looked after leases; whoever looks at the same time waits.
with before as (select looked_at from lease_looks for update)
update lease_looks set looked_at = clock_timestamp()
from before
returning extract(epoch from clock_timestamp() - before.looked_at)::float

-- name: begin_leases_anew
-- Renew every lease that was not renewed lately.
update subscriptions
set expires_at = clock_timestamp() + make_interval(secs => ttl_seconds)
where id in (
    select id from subscriptions
    where is_active and expires_at < clock_timestamp() + make_interval(secs => ttl_seconds - %(lately_s)s)
    order by id
    for update
)

-- name: expire
-- End wishes whose lease ran out. Those of a service that somebody is changing, and those that somebody is writing, wait for the next look.
update subscriptions
set is_active = false, state = 'cancelled', last_error = 'its lease of ' || ttl_seconds || ' s ran out', updated_at = now()
where id in (
    select id from subscriptions
    where is_active and expires_at <= clock_timestamp()
      and pg_try_advisory_xact_lock(hashtext('ws-gateway service'), hashtext(requesting_service))
    order by id
    for update skip locked
)
returning *

-- name: notify
-- Wake the workers of an endpoint when the transaction is committed.
select pg_notify('ws_gateway_subscriptions', %(endpoint)s)

-- name: insert_balances
-- One row a coin; the same event again changes nothing.
insert into account_balances
    (id, account, account_type, coin, wallet_balance, available_balance, frozen, equity, usd_value, margin_collateral,
     total_order_im, total_position_im, event_timestamp, received_at, event_id, trace_id, source, derived, warnings)
values %s
on conflict (event_id, account_type, coin) do nothing

-- name: insert_margin_balances
-- One row an account; the same event again changes nothing.
insert into account_margin_balances
    (id, account, account_type, total_equity, total_wallet_balance, total_margin_balance, total_available_balance,
     total_initial_margin, total_maintenance_margin, total_order_im, base_currency, event_timestamp, received_at, event_id, trace_id,
     source, warnings)
values %s
on conflict (event_id, account_type) do nothing

-- name: latest_balances
-- The newest row of each coin, by the exchange's time, and how many coins match.
select *, count(*) over () as total
from newest_balances
where (%(coin)s::text is null or coin = %(coin)s) and (%(account_type)s::text is null or account_type = %(account_type)s)
order by account, account_type, coin
limit %(limit)s offset %(offset)s

-- name: latest_margin_balance
-- The newest totals of the account.
select * from newest_margin_balances
where %(account_type)s::text is null or account_type = %(account_type)s
order by event_timestamp desc, received_at desc, event_id desc
limit 1

-- name: find_balances
-- Rows of a time, the newest first; of a coin, or all.
select * from account_balances
where (%(coin)s::text is null or coin = %(coin)s)
  and (%(from)s::timestamptz is null or event_timestamp >= %(from)s) and (%(to)s::timestamptz is null or event_timestamp <= %(to)s)
order by event_timestamp desc, received_at desc, event_id desc, account_type, coin
limit %(limit)s offset %(offset)s

-- name: count_balances
-- How many rows match.
select count(*)
from account_balances
where (%(coin)s::text is null or coin = %(coin)s)
  and (%(from)s::timestamptz is null or event_timestamp >= %(from)s) and (%(to)s::timestamptz is null or event_timestamp <= %(to)s)

-- name: try_lock_sync
-- Whether nobody else reads the wallet of this account just now; until `unlock_sync`, or the end of the connection.
select pg_try_advisory_lock(hashtext('ws-gateway wallet sync'), hashtext(%(account)s))

-- name: unlock_sync
-- The next one may.
select pg_advisory_unlock(hashtext('ws-gateway wallet sync'), hashtext(%(account)s))

-- name: held_coins
-- Coins of an account whose newest row does not say that nothing is left.
select account_type || '|' || coin
from newest_balances
where account = %(account)s and (wallet_balance, available_balance, frozen, equity, usd_value) is distinct from (0, 0, 0, 0, 0)

-- name: coins_since
-- Coins of an account of which a row is dated later.
select account_type || '|' || coin from newest_balances
where account = %(account)s and event_timestamp > to_timestamp(%(since_ms)s / 1000.0)

-- name: coins_of
-- Coins that events made a row of.
select distinct coin from account_balances where event_id = any(%(event_ids)s::uuid[]) order by coin

-- name: insert_occurrences
-- One row a `system` event; the same event again changes nothing.
insert into occurrences (event_id, at, kind, endpoint, worker, topic, gap_id, detail, sequence)
values %s
on conflict (event_id) do nothing

-- name: tell_gaps
-- The last telling of each gap holds, in whatever order they are written: one that closes it is later than any that does not, then the
-- later one by its time, and by its number within a process.
insert into gaps as held
    (id, endpoint, worker, topic, cause, from_at, to_at, recovered, detail, opened_at, updated_at, sequence, told_by)
select distinct on (id)
    id, endpoint, worker, topic, cause, to_timestamp(from_ms / 1000.0), to_timestamp(to_ms / 1000.0), recovered, detail, at, at, sequence,
    told_by
from (values %s) as told (id, endpoint, worker, topic, cause, from_ms, to_ms, recovered, detail, at, sequence, told_by)
order by id, (to_ms is not null) desc, at desc, sequence desc, told_by desc
on conflict (id) do update
set endpoint = excluded.endpoint, worker = excluded.worker, topic = excluded.topic, cause = excluded.cause, from_at = excluded.from_at,
    to_at = excluded.to_at, recovered = excluded.recovered, detail = excluded.detail, updated_at = excluded.updated_at,
    sequence = excluded.sequence, told_by = excluded.told_by
where (excluded.to_at is not null, excluded.updated_at, excluded.sequence, excluded.told_by)
    > (held.to_at is not null, held.updated_at, held.sequence, held.told_by)

-- name: date_gaps
-- When each gap was first told of, whichever telling that was.
update gaps set opened_at = told.at
from (select id, min(at) as at from (values %s) as said (id, at) group by id) as told
where gaps.id = told.id and told.at < gaps.opened_at

-- name: find_gaps
-- Gaps that overlap a time, the newest first: of a topic and of whole connections that carry it, or all.
select id, endpoint, worker, topic, from_at as "from", to_at as "to", cause, recovered, detail
from gaps
where (%(topic)s::text is null or topic = %(topic)s or (topic is null and endpoint <> all(%(elsewhere)s::text[])))
  and (%(from)s::timestamptz is null or to_at is null or to_at >= %(from)s) and (%(to)s::timestamptz is null or from_at <= %(to)s)
order by from_at desc, id
limit %(limit)s offset %(offset)s

-- name: count_gaps
-- How many gaps match.
select count(*)
from gaps
where (%(topic)s::text is null or topic = %(topic)s or (topic is null and endpoint <> all(%(elsewhere)s::text[])))
  and (%(from)s::timestamptz is null or to_at is null or to_at >= %(from)s) and (%(to)s::timestamptz is null or from_at <= %(to)s)

-- name: find_occurrences
-- Occurrences of a time, the newest first.
select event_id, at as "timestamp", kind, endpoint, worker, topic, gap_id, detail
from occurrences
where (%(kind)s::text is null or kind = %(kind)s)
  and (%(from)s::timestamptz is null or at >= %(from)s) and (%(to)s::timestamptz is null or at <= %(to)s)
order by at desc, sequence desc, event_id
limit %(limit)s offset %(offset)s

-- name: count_occurrences
-- How many occurrences match.
select count(*)
from occurrences
where (%(kind)s::text is null or kind = %(kind)s)
  and (%(from)s::timestamptz is null or at >= %(from)s) and (%(to)s::timestamptz is null or at <= %(to)s)

-- name: insert_dead_letters
-- What could not be stored; the same again changes nothing.
insert into dead_letters (id, at, process, topic, reason, record, trace_id)
values %s
on conflict (id) do nothing

-- name: read_checkpoint
-- How far something of an account has been read.
select value from checkpoints where account = %(account)s and name = %(name)s

-- name: write_checkpoint
-- From now on it has been read that far.
insert into checkpoints (account, name, value) values (%(account)s, %(name)s, %(value)s::jsonb)
on conflict (account, name) do update set value = excluded.value, updated_at = now()

-- name: prune_gaps
-- Some gaps that were closed long ago; one that is open stays.
delete from gaps where id in (
    select id from gaps where to_at < now() - make_interval(days => %(days)s) order by to_at limit %(most)s
)

-- name: prune_occurrences
-- Some of what happened long ago.
delete from occurrences where event_id in (
    select event_id from occurrences where at < now() - make_interval(days => %(days)s) order by at limit %(most)s
)

-- name: prune_dead_letters
-- Some of what could not be stored long ago.
delete from dead_letters where id in (
    select id from dead_letters where at < now() - make_interval(days => %(days)s) order by at limit %(most)s
)

-- name: prune_balances
-- Some old rows of coins; the newest of each stays.
delete from account_balances where id in (
    select id from account_balances
    where event_timestamp < now() - make_interval(days => %(days)s) and id <> all(array(select id from newest_balances))
    order by event_timestamp
    limit %(most)s
)

-- name: prune_margin_balances
-- Some old totals of accounts; the newest of each stays.
delete from account_margin_balances where id in (
    select id from account_margin_balances
    where event_timestamp < now() - make_interval(days => %(days)s) and id <> all(array(select id from newest_margin_balances))
    order by event_timestamp
    limit %(most)s
)

-- name: lock_catalog
-- One at a time writes a category's instruments.
select pg_advisory_xact_lock(hashtext('ws-gateway catalog'), hashtext(%(category)s))

-- name: has_instruments
-- Whether a category ever had any.
select exists (select from instruments where category = %(category)s)

-- name: put_instruments
-- Rows of the catalog as the exchange has them; those that are the same stay untouched. One row for each that is not.
insert into instruments as held
    (category, symbol, status, base_coin, quote_coin, settle_coin, contract_type, launch_time, delivery_time)
values %s
on conflict (category, symbol) do update
set status = excluded.status, base_coin = excluded.base_coin, quote_coin = excluded.quote_coin, settle_coin = excluded.settle_coin,
    contract_type = excluded.contract_type, launch_time = excluded.launch_time, delivery_time = excluded.delivery_time, updated_at = now()
where (held.status, held.base_coin, held.quote_coin, held.settle_coin, held.contract_type, held.launch_time, held.delivery_time)
    is distinct from
    (excluded.status, excluded.base_coin, excluded.quote_coin, excluded.settle_coin, excluded.contract_type, excluded.launch_time,
     excluded.delivery_time)
returning 1

-- name: close_instruments
-- What a complete read did not bring has gone. Of options, only those of the base coins that it brought.
update instruments
set status = 'Closed', updated_at = now()
where category = %(category)s and status <> 'Closed' and symbol <> all(%(listed)s::text[])
  and (%(base_coins)s::text[] is null or base_coin = any(%(base_coins)s::text[]))

-- name: set_catalog_read
-- The last complete read of a category.
insert into catalogs (category, read_at) values (%(category)s, now())
on conflict (category) do update set read_at = excluded.read_at

-- name: verify_symbols
-- Wishes that were accepted before anybody could say whether there is such a symbol. One that somebody else is writing waits for the
-- next read, so that nobody waits for us while we wait for them.
update subscriptions set symbol_verified = true, updated_at = now()
where id in (
    select id from subscriptions as wish
    where is_active and not symbol_verified and coalesce(category, %(category)s) = %(category)s and exists (
        select from instruments as listed
        where listed.category = %(category)s and status <> 'Closed' and (delivery_time is null or delivery_time > now())
          and (listed.symbol = wish.symbol or (listed.category = 'option' and listed.base_coin = wish.symbol))
    )
    for update skip locked
)

-- name: catalog_age
-- Seconds since the last complete read of a category.
select extract(epoch from now() - read_at)::float from catalogs where category = %(category)s

-- name: catalogs_read
-- Which categories were ever read completely.
select category from catalogs

-- name: instrument_statuses
-- The categories that have a symbol, and its status there; what was delivered has ended, whatever the last read said.
select category, case when delivery_time <= now() then 'Closed' else status end from instruments where symbol = %(symbol)s

-- name: wished_coins
-- The coins whose options active wishes name, of one or by a pattern that leaves the coin no choice.
select distinct split_part(symbol, '-', 1) from subscriptions
where is_active and category = 'option' and symbol is not null and strpos(split_part(symbol, '-', 1), '*') = 0
order by 1

-- name: has_base_coin
-- Whether there are options of a coin.
select exists (
    select from instruments
    where category = %(category)s and base_coin = %(base_coin)s and status <> 'Closed' and (delivery_time is null or delivery_time > now())
)

-- name: instrument_names
-- What can be subscribed to in a category.
select symbol from instruments
where category = %(category)s and status <> 'Closed' and (delivery_time is null or delivery_time > now())

-- name: instruments_seen
-- Symbols that a pattern names, of any status: all ever seen, or without those that ended so long ago that nothing of them is to come.
select symbol from instruments
where category = %(category)s and symbol like %(pattern)s
  and (%(ever)s or (
    (status <> 'Closed' or updated_at > now() - interval '7 days') and (delivery_time is null or delivery_time > now() - interval '7 days')
  ))
order by symbol collate "C"

-- name: instruments_now
-- What a pattern names and is in one of these statuses now, when each was first seen, and in how many seconds it is delivered.
select symbol, first_seen_at, extract(epoch from delivery_time - clock_timestamp())::float
from instruments
where category = %(category)s and symbol like %(pattern)s and status = any(%(statuses)s) and (delivery_time is null or delivery_time > now())
order by symbol collate "C"

-- name: listings_in_sight
-- The present moment for each category that nobody is writing: what was first seen before it is committed.
select category, clock_timestamp()
from unnest(%(categories)s::text[]) as category
where pg_try_advisory_xact_lock_shared(hashtext('ws-gateway catalog'), hashtext(category))

-- name: set_bound
-- Up to when the queues of wishes are bound; written where that is news: something was listed since.
update subscriptions set bound_at = %(bound_at)s
where id in (
    select wish.id from subscriptions as wish
    where wish.id = any(%(ids)s::uuid[]) and wish.category = %(category)s
      and (wish.bound_at is null or (wish.bound_at < %(bound_at)s and exists (
        select from instruments where instruments.category = wish.category and first_seen_at >= wish.bound_at
      )))
    order by wish.id
    for update of wish
)

-- name: prune_instruments
-- What ended long ago, unless a wish names it.
delete from instruments
where ((status = 'Closed' and updated_at < now() - interval '90 days') or delivery_time < now() - interval '90 days')
  and not exists (
    select from subscriptions
    where is_active and subscriptions.category = instruments.category and subscriptions.symbol = instruments.symbol
  )

-- name: insert_audit
-- Who changed what, just now.
insert into audit (who, key_id, action, subject, service, topic, trace_id) values %s

-- name: find_audit
-- Changes of a time, the newest first.
select id, at as "timestamp", who, key_id, action, subject, service, topic, trace_id
from audit
where (%(action)s::text is null or action = %(action)s)
  and (%(from)s::timestamptz is null or at >= %(from)s) and (%(to)s::timestamptz is null or at <= %(to)s)
order by at desc, id desc
limit %(limit)s offset %(offset)s

-- name: count_audit
-- How many changes match.
select count(*)
from audit
where (%(action)s::text is null or action = %(action)s)
  and (%(from)s::timestamptz is null or at >= %(from)s) and (%(to)s::timestamptz is null or at <= %(to)s)

-- name: prune_audit
-- Some of what was changed long ago.
delete from audit where id in (
    select id from audit where at < now() - make_interval(days => %(days)s) order by at limit %(most)s
)

-- name: add_key
-- A new key; nothing when one that still opens has its name.
insert into api_keys (id, name, secret_sha256, scopes, service)
values (%(id)s, %(name)s, %(secret_sha256)s, %(scopes)s, %(service)s)
on conflict (name) where revoked_at is null do nothing
returning id, name, scopes, service

-- name: opening_keys
-- All keys that still open.
select id, name, secret_sha256, scopes, service from api_keys where revoked_at is null

-- name: touch_keys
-- Keys were used; known to the minute.
update api_keys set last_used_at = now()
where id in (
    select id from api_keys where id = any(%(ids)s) and (last_used_at is null or last_used_at < now() - interval '1 minute')
    for update skip locked
)

-- name: list_keys
-- All keys, the oldest first.
select id, name, scopes, service, created_at, last_used_at, revoked_at from api_keys order by created_at, id

-- name: revoke_key
-- A key opens nothing any more.
update api_keys set revoked_at = now()
where revoked_at is null and %(name_or_id)s in (id, name)
returning id, name, service
