"""The exchange to run against offline: the same WebSocket and REST dialect, a seeded market and account, faults, a ledger of every text.

Strict about
  connections: 500 in five minutes, 1,000 of a public endpoint, `max_active_time`, the 30-second scan for idle ones, TLS if asked for
  acknowledgements, pongs and refusals of each endpoint, key order included; 10 topics a request on spot, 2,000 on an option
  connection, 21,000 characters on a public one; all-or-nothing and partial refusals; private topics that conflict
  signatures, expiry and clock of logins and REST calls; the address limit with its ban, the limits a second with their headers
  snapshots and deltas of books that agree at every depth, RPI and full books too; candles that close on their last millisecond, once
  what a pre-market tells in each phase of its auction
  orders, fills, positions (one-way and hedge), funding, coins and REST answers that agree with each other
  one seed and one number of steps give one market: prices, sizes, identities and sequences (times are the real ones)

Not simulated
  order entry over WebSocket, SBE, advanced-earn offers, disconnect protection (`dcp`) beyond its acknowledgement
  requests for quotes and strategies beyond their pushes, which come when they are told to
  auto-deleveraging, liquidation of our own account, taking profit and stopping loss; spreads cannot be placed over REST
  the end of a dated instrument that the market was begun after

The source of all behaviour is the protocol notes, sections 2 to 7, 9 and 13.
"""
