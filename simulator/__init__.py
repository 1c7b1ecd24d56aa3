"""The exchange to run against offline: the same WebSocket and REST dialect, a seeded market and account, a ledger of every frame.

Strict about: acknowledgements, pongs and refusals per endpoint; 10 topics a request on spot; signatures, expiry and clock of
logins and REST calls; snapshots and deltas of books that agree; executions, positions, wallet and REST that agree with orders.
Not strict yet: REST rate limits, connection limits, TLS, the 10-minute idle cut's 30-second scan, RPI and full books, liquidations,
funding, hedge mode, spread orders. Source of all behaviour: protocol notes, sections 2 to 7, 9 and 13.
"""
