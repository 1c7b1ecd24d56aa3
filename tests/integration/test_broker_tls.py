"""amqps: whose certificate the gateway and its consumer for users take, and whose they do not."""

import subprocess
import sys
from pathlib import Path

import pytest
from exchanges import Authority
from listener import Line, Listener

ROOT = Path(__file__).resolve().parents[2]
#: The first bytes of a client. Source: AMQP 0-9-1, section 4.2.2.
GREETING = b"AMQP\x00\x00\x09\x01"

CALLERS = {
    "gateway": "from gateway.sinks.topology import QueuePolicy, Topology\nTopology(URL, QueuePolicy('classic', 1, 1)).__enter__()",
    "consumer": "from gateway.consumer import Consumer\nConsumer(URL, 'any').__enter__()",
}


def visit(caller: str, certified: str, authority: Authority, trusted: Authority) -> tuple[list[bytes], str]:
    """What a server with a certificate of this name heard, and how the caller ended."""
    heard: list[bytes] = []

    def play(line: Line) -> None:
        heard.append(line.exactly(len(GREETING)))
        line.end()

    with Listener(play, context=authority.context(certified)) as server:
        code = f"URL = 'amqps://guest:guest@127.0.0.1:{server.port}/'\n{CALLERS[caller]}"
        done = subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONPATH": str(ROOT), "SSL_CERT_FILE": trusted.ca_file},
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
    return heard, done.stderr.splitlines()[-1]


@pytest.mark.parametrize("caller", CALLERS)
def test_a_certificate_of_a_trusted_authority_for_that_host_is_taken(caller: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ours")
    heard, words = visit(caller, "127.0.0.1", authority, authority)
    assert heard == [GREETING]
    assert "certificate" not in words


@pytest.mark.parametrize("caller", CALLERS)
def test_a_certificate_for_another_host_or_of_a_stranger_is_refused(caller: str, tmp_path: Path) -> None:
    ours, stranger = Authority(tmp_path / "ours"), Authority(tmp_path / "stranger")
    for certified, authority in (("rabbitmq.example.com", ours), ("127.0.0.1", stranger)):
        heard, words = visit(caller, certified, authority, ours)
        assert heard == []
        assert "gateway.errors.SinkAway: RabbitMQ cannot be asked" in words
        assert "certificate verify failed" in words
