// Balances: amounts are the texts that the API gave, to the last digit; only for sorting are they numbers.

import { age } from "./clock.js";
import { withReason } from "./columns.js";
import { Table } from "./table.js";
import { span, UNKNOWN } from "./words.js";

export function balanceTable(place) {
  const amount = (id, head) => ({
    id,
    head,
    numeric: true,
    of: (row) => (row[id] === null ? null : Number(row[id])),
    write: (row) => row[id] ?? UNKNOWN,
  });
  return new Table(place, {
    name: "balances",
    empty: "None is known: the account was not read, or nobody subscribed to it.",
    key: (row) => `${row.account} ${row.account_type} ${row.coin}`,
    rank: (row) => (row.warnings.length ? 0 : 1),
    look: (row) => (row.warnings.length ? "warn" : "plain"),
    columns: [
      {
        id: "coin",
        head: "Coin",
        of: (row) => row.coin,
        write: (row) => `${row.coin} ${row.warnings.join(" ")}`,
        fill: (cell, row) => withReason(cell, row.coin, row.warnings.join(", ")),
      },
      amount("wallet_balance", "Wallet"),
      amount("available_balance", "Available"),
      amount("frozen", "Frozen"),
      amount("usd_value", "US dollars"),
      {
        id: "age",
        head: "Age",
        numeric: true,
        of: (row) => age(row.event_timestamp),
        write: (row) => span(age(row.event_timestamp)),
      },
    ],
  });
}
