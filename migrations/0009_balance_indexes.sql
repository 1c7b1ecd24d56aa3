-- The history of one coin, newest first, and how many rows it has: neither reads what belongs to other coins.
create index account_balances_of_coin on account_balances (coin, event_timestamp desc);
