"""The exchange over REST: calls within one budget of the host, signed ones, symbols asked while a request waits, and the account."""
