-- Who may call the control API, and who changed what.

-- Of a key only the SHA-256 of its secret is kept. service: the only requesting_service whose subscriptions it may change.
create table api_keys (
    id            text primary key,
    name          text not null,
    secret_sha256 bytea not null,
    scopes        text[] not null,
    service       text,
    created_at    timestamptz not null default now(),
    last_used_at  timestamptz,
    revoked_at    timestamptz
);

create unique index api_keys_one_name on api_keys (name) where revoked_at is null;

-- One row a change. who: the name of the key. subject: the id of what was changed.
create table audit (
    id       bigint generated always as identity primary key,
    at       timestamptz not null default now(),
    who      text not null,
    action   text not null,
    subject  text,
    service  text,
    topic    text,
    trace_id text
);

create index audit_newest on audit (at desc, id desc);
