"""The exchange of the benchmark: a WebSocket server that pushes as fast as it is told to, in a process of its own."""
