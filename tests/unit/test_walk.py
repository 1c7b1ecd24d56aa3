"""The trade that docs/ARCHITECTURE.md walks with, and that docs/EVENTS.md shows, comes out of the code as they say."""

import json
import re
from typing import Any

from golden import normalise

from gateway import names
from gateway.models import Event
from gateway.wire import Stamp
from tests.pages import blocks, section

PAGE = "docs/ARCHITECTURE.md"
HEADING = "One trade, from the socket to a consumer"


def parts() -> tuple[dict[str, Any], dict[str, Any]]:
    """The frame and the envelope of the page."""
    frame, envelope = [json.loads(block.text) for block in blocks(PAGE, "json")]
    return frame, envelope


def event() -> Event:
    [found] = normalise("linear", [parts()[0]])
    assert isinstance(found, Event)
    return found


def test_the_frame_becomes_the_identity_and_the_routing_key_of_the_page() -> None:
    found, text = event(), section(PAGE, HEADING)
    assert f"`{found.identity}`" in text
    assert f"`{names.routing_key(found.event_type, found.category, found.symbol, found.variant)}`" in text
    assert f"`{names.class_queue(found.event_type)}`" in text


def test_the_envelope_is_that_of_both_pages() -> None:
    _, envelope = parts()
    stamp = Stamp(worker="linear_00", account="main", include_raw="off", started_ms=1_748_775_600_000)
    record = stamp.record(event(), received_ns=1_748_779_200_131_874_000, trace_id=envelope["trace_id"])
    assert json.loads(record.body) == envelope
    [shown] = [json.loads(block.text) for block in blocks("docs/EVENTS.md", "json")]
    assert shown == {**envelope, "sequence": shown["sequence"]}


def test_the_walk_names_the_file_of_each_step() -> None:
    steps = re.findall(r"^\d+\. .*?(?=^\d+\. |\Z)", section(PAGE, HEADING), re.MULTILINE | re.DOTALL)
    assert len(steps) == 11
    assert [step for step in steps[:9] if not re.search(r"`(gateway|workers)/[\w/]+\.py`", step)] == []


def test_the_picture_is_the_same_in_both_places() -> None:
    [here], [there] = ([block.text for block in blocks(page, "") if "┌" in block.text][:1] for page in (PAGE, "README.md"))
    assert here == there
