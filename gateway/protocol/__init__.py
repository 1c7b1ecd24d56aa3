"""The exchange's dialect as data and pure functions: no socket, clock, thread, log or environment."""
