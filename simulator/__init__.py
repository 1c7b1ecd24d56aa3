"""The exchange to run against offline: the same WebSocket and REST dialect, a seeded market and account, a ledger of every frame.

Strict about
  acknowledgements, pongs and refusals of each endpoint, key order included; 10 topics a request on spot, 2,000 on an option
  connection, 21,000 characters on a public one; all-or-nothing and partial refusals; private topics that conflict
  signatures, expiry and clock of logins and REST calls; a connection without a ping for 10 minutes is cut
  snapshots and deltas of books that agree at every depth; candles that close on their last millisecond, once
  orders, fills, positions, coins and REST answers that agree with each other
  one seed and one number of steps give one market: prices, sizes, identities and sequences (times are the real ones)

Not strict yet
  REST: rows of orders and fills are the stream's, category included; order/history answers orders of every status; no rate limits
  and their headers, no endpoints besides those in `rest.py`
  connections: no limit of their number, no `max_active_time`, no 30-second scan, no TLS; unknown option topics are always refused
  public: no RPI and full books, liquidations, insurance, price limits, ADL alerts, RFQ; option greeks and index prices stand still;
  books hold 220 levels a side, also where 1,000 are asked for; dated instruments stay tradable after their day
  private: portfolio margin only, so margins are blank; no hedge mode, funding, triggers, market orders, greeks, spread orders;
  a position is pushed on fills only, the wallet on fills and on request only, although the exchange also pushes them on orders

The source of all behaviour is the protocol notes, sections 2 to 7, 9 and 13.
"""
