"""The road from workers to the router over ZeroMQ, within a machine and between two: bus.py has both ends of it."""
