-- Wishes that end unless they are renewed: how long each renewal lasts, and when the wish ends. Null: it lasts until it is cancelled.
alter table subscriptions add column ttl_seconds double precision;
alter table subscriptions add column expires_at timestamptz;

create index subscriptions_by_expiry on subscriptions (expires_at) where is_active and expires_at is not null;

-- When somebody last looked after leases: what lies before a long pause could not be renewed either.
create table lease_looks (
    looked_at timestamptz not null
);

insert into lease_looks values (clock_timestamp());
