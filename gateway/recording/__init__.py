"""Recordings of what workers and the exchange said to each other: how an entry stands on a socket, and how a file holds them."""
