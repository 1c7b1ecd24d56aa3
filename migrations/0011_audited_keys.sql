-- Which key made a change: a name may be given to another key once its own is revoked. Null: no key of a service, or before there was this column.
alter table audit add column key_id text;
