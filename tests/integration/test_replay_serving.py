"""What a replay does on the wire: when frames go, to whom, when a line ends; and what it says of a file that it cannot read."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
import urllib3
import websocket
from exchange_client import Client
from recordings import Replay, replayed
from running import ROOT

from gateway.recording import entries
from gateway.recording.entries import About, Kind, encode
from gateway.recording.writer import Writer

SECOND = 1_000_000_000
BEGAN_NS = 1_800_000_000 * SECOND


class Script:
    """A recording by hand: what a worker heard, a tenth of a second between two entries."""

    def __init__(self, worker: str = "linear_00", *held: str) -> None:
        self.worker = worker
        self._entries: list[bytes] = []
        self.connection = 0
        self.add(Kind.ATTACHED, msgspec.json.encode(About(worker, worker.partition("_")[0], "e", list(held))))

    def add(self, kind: Kind, data: bytes = b"") -> "Script":
        self.connection += kind is Kind.OPENED
        self._entries.append(encode(kind, BEGAN_NS + len(self._entries) * SECOND // 10, self.connection, data))
        return self

    def opened(self, *topics: str) -> "Script":
        self.add(Kind.OPENED).add(Kind.SENT, json.dumps({"req_id": "7", "op": "subscribe", "args": topics}).encode())
        return self.answered()

    def answered(self, words: str = "") -> "Script":
        """To the request before."""
        ack = {"success": not words, "ret_msg": words, "conn_id": "c", "req_id": "7", "op": "subscribe"}
        return self.add(Kind.RECEIVED, json.dumps(ack).encode())

    def pushed(self, topic: str, *numbers: int) -> "Script":
        for number in numbers:
            self.add(Kind.RECEIVED, push(topic, number))
        return self

    def write(self, path: Path, *others: "Script") -> Path:
        writer = Writer(path)
        for script in (self, *others):
            writer.add(script.worker, b"".join(script._entries), len(script._entries))
        writer.close()
        return path


def push(topic: str, number: int) -> bytes:
    return json.dumps({"topic": topic, "type": "delta", "ts": 1, "data": {"number": number}}).encode()


def connected(replay: Replay, endpoint: str = "linear") -> Client:
    return Client(replay, endpoint)  # type: ignore[arg-type] # it asks for an address alone


def numbers(client: Client, count: int) -> list[tuple[str, int]]:
    """The next pushes."""
    frames = [client.hear() for _ in range(count)]
    return [(frame["topic"], frame["data"]["number"]) for frame in frames]


def to_the_end(client: Client) -> list[bytes]:
    """Every message until the line ends."""
    found = []
    while True:
        try:
            found.append(client.ws.recv_data()[1])
        except (websocket.WebSocketConnectionClosedException, ConnectionError):
            return found


def last_word(replay: Replay) -> dict[str, Any]:
    over = replay.line(20)
    assert over["over"] is True
    return over


def test_frames_wait_until_every_topic_of_the_recorded_connection_is_held(tmp_path: Path) -> None:
    file = Script().opened("a", "b").pushed("a", 1, 2).pushed("b", 3).pushed("a", 4).write(tmp_path / "a.rec")
    with replayed(file, "--speed", "max") as replay, connected(replay) as client:
        assert client.ask(op="subscribe", args=["a"])["success"]
        assert client.ask(op="ping", req_id="1")["ret_msg"] == "pong"
        answer = client.ask(op="subscribe", args=["b"], req_id="2")
        assert (answer["success"], answer["req_id"]) == (True, "2")
        assert numbers(client, 4) == [("a", 1), ("a", 2), ("b", 3), ("a", 4)]
        assert last_word(replay)["workers"]["linear_00"] == {"frames": 4, "passed_over": 0, "cuts": 0, "left": 0}


def test_where_the_recorded_line_ended_the_clients_does_once_it_has_read_all(tmp_path: Path) -> None:
    script = Script().opened("a").pushed("a", *range(500)).add(Kind.CLOSED, b"why").opened("a").pushed("a", 500)
    file = script.write(tmp_path / "a.rec")
    with replayed(file, "--speed", "max") as replay:
        with connected(replay) as client:
            client.say(op="subscribe", args=["a"])
            client.say(op="ping")  # unread by then: an end that is a reset would take frames away
            read = [json.loads(text) for text in to_the_end(client)]
            assert [frame["data"]["number"] for frame in read if "topic" in frame] == list(range(500))
        with connected(replay) as client:
            client.ask(op="subscribe", args=["a"])
            assert numbers(client, 1) == [("a", 500)]
        over = last_word(replay)
        assert (over["exact"], over["workers"]["linear_00"]["cuts"]) == (True, 1)


@pytest.mark.parametrize("kind", [Kind.LOST, Kind.DETACHED])
def test_what_the_recording_lacks_is_a_lost_connection(tmp_path: Path, kind: Kind) -> None:
    script = Script().opened("a").pushed("a", 1)
    script = script.add(kind, msgspec.json.encode(entries.Lost(5, 1)) if kind is Kind.LOST else b"why")
    if kind is Kind.DETACHED:
        script.add(Kind.ATTACHED, msgspec.json.encode(About("linear_00", "linear", "f", ["a"])))
    file = script.pushed("a", 2).write(tmp_path / "a.rec")
    with replayed(file, "--speed", "max") as replay:
        for number in (1, 2):
            with connected(replay) as client:
                client.ask(op="subscribe", args=["a"])
                assert numbers(client, 1) == [("a", number)]
                assert number == 2 or to_the_end(client) == []
        assert last_word(replay)["exact"]


def test_a_connection_that_brought_nothing_leaves_no_trace(tmp_path: Path) -> None:
    script = Script()
    for _ in range(3):
        script.opened("a").add(Kind.CLOSED, b"refused")
    file = script.opened("a").pushed("a", 1).write(tmp_path / "a.rec")
    with replayed(file, "--speed", "max") as replay, connected(replay) as client:
        client.ask(op="subscribe", args=["a"])
        assert numbers(client, 1) == [("a", 1)]
        assert last_word(replay)["workers"]["linear_00"]["cuts"] == 0


def test_a_topic_that_the_recorded_exchange_refused_is_not_waited_for(tmp_path: Path) -> None:
    script = Script().add(Kind.OPENED).add(Kind.SENT, b'{"req_id":"7","op":"subscribe","args":["a","no.such"]}')
    script.answered("error:handler not found,topic:no.such").opened("a")
    file = script.pushed("a", 1).write(tmp_path / "a.rec")
    with replayed(file, "--speed", "max") as replay, connected(replay) as client:
        client.ask(op="subscribe", args=["a"])
        assert numbers(client, 1) == [("a", 1)]


def test_a_recording_that_begins_amid_a_connection_waits_for_what_that_held(tmp_path: Path) -> None:
    file = Script("linear_00", "a", "b").pushed("a", 1).pushed("b", 2).write(tmp_path / "a.rec")
    with replayed(file, "--speed", "max") as replay, connected(replay) as client:
        client.ask(op="subscribe", args=["a"])
        client.ask(op="subscribe", args=["b"])
        assert numbers(client, 2) == [("a", 1), ("b", 2)]


def test_damaged_frames_go_as_they_came_and_answers_are_made_anew(tmp_path: Path) -> None:
    strange = [b"\xff\xfe not text", b"{", b'{"op":"subscribe","success":false,"ret_msg":"error:handler not found,topic:a"}', b""]
    script = Script().opened("a")
    for text in strange:
        script.add(Kind.RECEIVED, text)
    file = script.pushed("unasked", 1).pushed("a", 2).write(tmp_path / "a.rec")
    with replayed(file, "--speed", "max", "--exit") as replay, connected(replay) as client:
        client.ws.close()
        client.ws = websocket.create_connection(f"{replay.ws_url}/v5/public/linear", timeout=5, skip_utf8_validation=True)
        client.ask(op="subscribe", args=["a"])
        assert to_the_end(client) == [strange[0], strange[1], strange[3], push("unasked", 1), push("a", 2)]


def test_only_topics_that_were_named_are_waited_for_and_told(tmp_path: Path) -> None:
    file = Script().opened("tickers.A", "other").pushed("other", 1).pushed("tickers.A", 2).write(tmp_path / "a.rec")
    with replayed(file, "--speed", "max", "--topic", "tickers.*") as replay, connected(replay) as client:
        client.ask(op="subscribe", args=["tickers.A"])
        assert numbers(client, 1) == [("tickers.A", 2)]
        assert last_word(replay)["workers"]["linear_00"]["passed_over"] == 1


def test_any_login_is_let_in_and_a_narrower_form_hears_its_family(tmp_path: Path) -> None:
    script = Script("private_00").add(Kind.OPENED).add(Kind.SENT, b'{"op":"auth","args":["(not recorded)",1,"(not recorded)"]}')
    script.add(Kind.SENT, b'{"req_id":"7","op":"subscribe","args":["order.linear"]}').answered()
    file = script.pushed("order", 1).write(tmp_path / "a.rec")
    with replayed(file, "--speed", "max") as replay, connected(replay, "private") as client:
        assert client.ask(op="auth", args=["any", 1, "thing"])["success"]
        client.ask(op="subscribe", args=["order.linear"])
        assert numbers(client, 1) == [("order", 1)]


def test_a_paused_replay_tells_nothing_until_it_may(tmp_path: Path) -> None:
    file = Script().opened("a").pushed("a", 1, 2).write(tmp_path / "a.rec")
    with replayed(file, "--speed", "max", "--paused") as replay, connected(replay) as client:
        client.ask(op="subscribe", args=["a"])
        assert client.ask(op="ping")["ret_msg"] == "pong"  # a push before it would be missing below
        answer = urllib3.request("POST", f"{replay.rest_url}/simulator/pause", body=b"nonsense")
        assert answer.status == 400
        replay.go()
        assert numbers(client, 2) == [("a", 1), ("a", 2)]


def test_a_client_that_goes_by_itself_makes_the_replay_inexact(tmp_path: Path) -> None:
    file = Script().opened("a").pushed("a", 1, 2).write(tmp_path / "a.rec")
    with replayed(file, "--speed", "0.1") as replay:
        with connected(replay) as client:
            client.ask(op="subscribe", args=["a"])
            numbers(client, 1)
        with connected(replay) as client:
            client.ask(op="subscribe", args=["a"])
            assert numbers(client, 1) == [("a", 2)]
        over = last_word(replay)
        assert (over["exact"], over["workers"]["linear_00"]["left"]) == (False, 1)


def test_a_client_that_goes_just_after_the_last_frame_makes_it_inexact_too(tmp_path: Path) -> None:
    """Nobody knows whether it had read that."""
    file = Script().opened("a").pushed("a", 1).add(Kind.CLOSED, b"why").write(tmp_path / "a.rec")
    with replayed(file, "--speed", "0.1") as replay:
        with connected(replay) as client:
            client.ask(op="subscribe", args=["a"])
            numbers(client, 1)
        assert last_word(replay)["exact"] is False


@pytest.mark.parametrize(("speed", "least_s", "most_s"), [("1", 0.95, 5.0), ("10", 0.09, 0.9), ("max", 0.0, 0.9)])
def test_the_pace_is_the_recorded_one_times_the_speed(tmp_path: Path, speed: str, least_s: float, most_s: float) -> None:
    file = Script().opened("a").pushed("a", *range(11)).write(tmp_path / "a.rec")
    with replayed(file, "--speed", speed) as replay, connected(replay) as client:
        client.ask(op="subscribe", args=["a"])
        numbers(client, 1)
        began = time.monotonic()
        numbers(client, 10)
        assert least_s <= time.monotonic() - began <= most_s


def test_two_workers_of_one_endpoint_are_told_to_whoever_holds_their_topics(tmp_path: Path) -> None:
    other = Script("linear_01").opened("b").pushed("b", 3)
    file = Script().opened("a").pushed("a", 1, 2).write(tmp_path / "a.rec", other)
    with replayed(file, "--speed", "max") as replay, connected(replay) as one, connected(replay) as two:
        one.ask(op="subscribe", args=["a"])
        two.ask(op="subscribe", args=["b"])
        assert numbers(one, 2) == [("a", 1), ("a", 2)]
        assert numbers(two, 1) == [("b", 3)]


def test_it_ends_by_itself_once_every_client_has_read_all(tmp_path: Path) -> None:
    file = Script().opened("a").pushed("a", *range(2_000)).write(tmp_path / "a.rec")
    with replayed(file, "--speed", "max", "--exit") as replay:
        with connected(replay) as client:
            client.say(op="subscribe", args=["a"])
            assert len(to_the_end(client)) == 2_001
        assert last_word(replay)["exact"]
        assert replay.process.wait(5) == 0


def test_rest_tells_the_time_and_nothing_else(tmp_path: Path) -> None:
    file = Script().write(tmp_path / "a.rec")
    with replayed(file) as replay:
        told = urllib3.request("GET", f"{replay.rest_url}/v5/market/time").json()
        assert abs(int(told["result"]["timeSecond"]) - time.time()) < 5
        answer = urllib3.request("GET", f"{replay.rest_url}/v5/market/recent-trade?category=linear").json()
        assert (answer["retCode"], answer["retMsg"]) == (10016, "a replay has no REST answers")


def test_a_damaged_file_is_one_sentence_and_1_and_what_is_before_is_replayed_when_asked_to(tmp_path: Path) -> None:
    file = Script().opened("a").pushed("a", 1).write(tmp_path / "a.rec")
    file.write_bytes(file.read_bytes()[:600])
    sentence = f"{file} is cut off at byte 600, within chunk 1"
    command = [sys.executable, "-m", "simulator.replay", str(file)]
    refused = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == f"{sentence}; --lenient takes the 0 entries before that\n"
    with replayed(file, "--lenient") as replay:
        over = last_word(replay)
        assert (over["damage"], over["workers"]) == (sentence, {})
        assert replay.said() == f"{sentence}; the 0 entries before that are replayed\n"
