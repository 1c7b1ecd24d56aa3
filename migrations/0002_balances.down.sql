drop table account_margin_balances;
drop table account_balances;
