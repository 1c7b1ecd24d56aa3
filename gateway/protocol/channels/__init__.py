"""CHANNELS: every family of topics the gateway reads. A new one is a file beside this, a row in `table.py`, and golden frames."""

from gateway.protocol.channels.table import CHANNELS, RAW, RAW_PRIVATE
from gateway.protocol.channels.topics import Named, binding_of, by_type, for_topic, named_by, read_as, topic_of

__all__ = ["CHANNELS", "RAW", "RAW_PRIVATE", "Named", "binding_of", "by_type", "for_topic", "named_by", "read_as", "topic_of"]
