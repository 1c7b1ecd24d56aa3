-- How often a wish wants its whole book, and how often somebody asked for its topic anew: the worker sees the number grow.
alter table subscriptions add column snapshot_seconds double precision;
alter table subscriptions add column resyncs integer not null default 0;
