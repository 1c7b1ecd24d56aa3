drop index account_balances_of_coin;
