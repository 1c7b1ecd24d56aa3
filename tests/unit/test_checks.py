"""What `ws-gateway doctor` says of what it finds."""

from cli import checks
from gateway.sinks.moving import Found


def test_a_queue_is_rebuilt_and_a_stream_which_cannot_be_is_not_recommended_to() -> None:
    moved = checks.differing_queue(Found("ws-gateway.trade", 5, 0, "classic", {"x-message-ttl": (5, 6)}))
    assert (moved.level, moved.do) == ("wrong", "`ws-gateway queues rebuild ws-gateway.trade`")
    kept = checks.differing_queue(Found("ws-gateway.trade", 5, 0, "stream", {"x-max-age": ("5s", "6s")}))
    assert kept.level == "wrong"
    assert kept.found.endswith("x-max-age 5s → 6s")
    assert "rebuild" not in kept.do
    assert kept.do.startswith("delete the stream")
