"""What is kept in PostgreSQL, as rows: db.py is the one way to it, queries.sql has every statement, store.py the wishes."""
