alter table subscriptions drop column trace_id;
