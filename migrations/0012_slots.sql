-- Which machine runs which process of an endpoint, where there is more than one machine; renewed every few seconds by the process itself.
create table slots (
    endpoint text not null,
    number integer not null,
    processes integer not null,
    host_id text not null,
    host text not null,
    seen_at timestamptz not null,
    primary key (endpoint, number)
);
