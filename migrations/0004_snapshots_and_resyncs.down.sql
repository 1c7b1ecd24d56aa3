alter table subscriptions drop column resyncs;
alter table subscriptions drop column snapshot_seconds;
