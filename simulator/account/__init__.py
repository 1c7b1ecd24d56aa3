"""The private side: orders, fills, positions, coins, funding, spreads; every occurrence returns the frames that it pushes."""
