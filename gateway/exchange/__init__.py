"""The exchange over REST: calls within one budget of the host, signed ones, and the account read with them."""
