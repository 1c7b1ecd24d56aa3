-- The role that Grafana reads with: balances, the ledger and the list of subscriptions, nothing else, and never a write. Safe to run again.
-- Its password is the setting reader.password of this session: PGOPTIONS='-c reader.password=…' psql "$DATABASE_URL" -f reader.sql
-- It fails while the gateway has not made its tables yet, and is then to be run again.
do $$
begin
    if not exists (select from pg_roles where rolname = 'gateway_reader') then
        create role gateway_reader login;
    end if;
    execute format('alter role gateway_reader with login nosuperuser nocreatedb nocreaterole connection limit 10 password %L', current_setting('reader.password'));
end
$$;
alter role gateway_reader set default_transaction_read_only = on;
alter role gateway_reader set statement_timeout = '10s';
grant usage on schema public to gateway_reader;
grant select on
    account_balances, account_margin_balances, newest_balances, newest_margin_balances, occurrences, gaps, subscriptions
    to gateway_reader;
