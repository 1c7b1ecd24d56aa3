-- Up to when a pattern's queue is bound to what the exchange lists: a worker asks for the topics of what was first seen before it.
alter table subscriptions add column bound_at timestamptz;

-- The moment itself, not the start of the transaction that writes it.
alter table instruments alter column first_seen_at set default clock_timestamp();
create index instruments_by_first_seen on instruments (category, first_seen_at);
create index instruments_by_pattern on instruments (category, symbol text_pattern_ops) where status <> 'Closed';
