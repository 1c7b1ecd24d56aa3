drop table lease_looks;
drop index subscriptions_by_expiry;
alter table subscriptions drop column expires_at;
alter table subscriptions drop column ttl_seconds;
