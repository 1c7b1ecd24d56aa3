drop table catalogs;
drop table instruments;
