drop view newest_margin_balances;
drop view newest_balances;
drop index account_margin_balances_age;
drop index account_balances_age;
drop table checkpoints;
drop table dead_letters;
drop table occurrences;
drop table gaps;
