"""What the gateway counts: one table of metrics, the ints that processes keep, and the text that GET /metrics answers with."""
