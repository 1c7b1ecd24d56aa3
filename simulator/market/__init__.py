"""The public side: instruments, books, trades, tickers, candles, funding, liquidations, pools; moved by seeded dice, told the time."""
