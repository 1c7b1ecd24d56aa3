-- The REST call behind a wish: the one that made it, or that asked for its topic anew since. Null: made before there was this column.
alter table subscriptions add column trace_id text;
