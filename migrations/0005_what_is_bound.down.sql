drop index instruments_by_pattern;
drop index instruments_by_first_seen;
alter table instruments alter column first_seen_at set default now();
alter table subscriptions drop column bound_at;
