"""PARSER: text → Frame as `frames.parse` has it, and quicker for topics whose frames look like their last one."""

from gateway.protocol import channels
from gateway.protocol.frames import Data, Frame, parse
from gateway.protocol.shapes import Shape, shape_of

#: How a push begins, as the exchange writes it.
_BEGIN = b'{"topic":"'
#: Topics whose shapes are remembered, and shapes: beyond that all are learnt anew, for what came first may be gone. Bytes of a topic.
MOST_TOPICS, MOST_SHAPES, LONGEST_TOPIC = 65_536, 200, 200


class Parser:
    """Of one endpoint's frames. Total, as `frames.parse`."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._by_topic: dict[bytes, tuple[str, Shape]] = {}
        self._shapes: dict[tuple[object, ...], Shape | None] = {}

    def parse(self, text: bytes) -> Frame:
        """Never raises."""
        name = b""
        if text.startswith(_BEGIN):
            name = text[len(_BEGIN) : text.find(b'"', len(_BEGIN))]
            known = self._by_topic.get(name)
            if known is not None and (data := known[1].read(text)) is not None and data.topic == known[0]:
                return data
        frame = parse(text)
        if name and type(frame) is Data:
            self._learn(name, frame)
        return frame

    def _learn(self, name: bytes, data: Data) -> None:
        """The next frame of the topic may look like this one."""
        channel = channels.for_topic(data.topic, self._endpoint) if len(name) <= LONGEST_TOPIC else None
        if channel is None or not channel.named_records or name != data.topic.encode():
            return
        first = data.data[0] if isinstance(data.data, list) and data.data else data.data
        key = (channel.channel_type, type(data.data), *data.frame, None, *(first if isinstance(first, dict) else ()))
        if key not in self._shapes:
            if len(self._shapes) >= MOST_SHAPES:
                self._shapes.clear()
            self._shapes[key] = shape_of(channel.fields, data)
        shape = self._shapes[key]
        if shape is None:
            return
        if len(self._by_topic) >= MOST_TOPICS and name not in self._by_topic:
            self._by_topic.clear()
        self._by_topic[name] = data.topic, shape
