drop table audit;
drop table api_keys;
