"""The golden cases of frames: where they lie, and what the normalisers make of them."""

import json
from pathlib import Path
from typing import Any

from gateway.protocol import channels
from gateway.protocol.channels import CHANNELS
from gateway.protocol.channels.channel import Outcome
from gateway.protocol.endpoints import ENDPOINTS
from gateway.protocol.frames import Data, parse
from gateway.protocol.memory import Memory

FRAMES = Path(__file__).parents[1] / "frames"
#: Of every channel, folder by folder.
CASES = [path for row in CHANNELS for path in sorted((FRAMES / row.channel_type).glob("*.json"))]


def load(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_bytes()))


def normalise(endpoint: str, frames: list[Any]) -> list[Outcome]:
    """What the last frame gives, after those before it."""
    memory, outcomes = Memory(), []
    for frame in frames:
        data = parse(json.dumps(frame).encode())
        assert isinstance(data, Data)
        channel = channels.for_topic(data.topic, endpoint)
        assert channel.normalise is not None
        outcomes = channel.normalise(data, ENDPOINTS[endpoint].category, memory)
    return outcomes
