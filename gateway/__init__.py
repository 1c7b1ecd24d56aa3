"""The gateway's library: the exchange's dialect, the bus, the sinks and the store. Nothing here starts a process."""

__version__ = "0.1.0"
