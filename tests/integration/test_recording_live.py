"""Recording a gateway that runs: what is in the file is what the exchange sent, and whatever becomes of the recorder costs nothing."""

import json
import os
import resource
import signal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from recordings import Recorder, entries_of
from running import Consumer, RunningGateway, is_gone, wait_for

from gateway.errors import RecordingDamaged
from gateway.protocol.frames import Data, parse
from gateway.recording import reader
from gateway.recording.entries import About, Entry, Kind
from simulator.remote import RunningSimulator
from tests.standins import frozen

BOOK = {"symbol": "BTCUSDT", "category": "linear"}
TOPIC = "orderbook.50.BTCUSDT"


def frames_of(entries: list[Entry], topic: str = TOPIC) -> list[Data]:
    frames = (parse(entry.data) for entry in entries if entry.kind is Kind.RECEIVED)
    return [frame for frame in frames if isinstance(frame, Data) and frame.topic == topic]


def more(simulator: RunningSimulator, count: int, topic: str = TOPIC) -> None:
    after = len(simulator.ledger("linear", topic))
    wait_for(lambda: len(simulator.ledger("linear", topic)) >= after + count, f"{count} more frames of {topic}")


def assert_unbroken(events: list[dict[str, Any]]) -> None:
    """No hole in the sequence, and no gap."""
    assert [event["sequence"] for event in events] == list(range(events[0]["sequence"], events[-1]["sequence"] + 1))
    assert {event["gap_id"] for event in events} == {None}
    assert {event["payload"]["in_sync"] for event in events} == {True}


def test_the_file_holds_what_the_exchange_sent_byte_by_byte_and_the_worker_was_not_restarted(
    shared_gateway: RunningGateway, shared_simulator: RunningSimulator, tmp_path: Path
) -> None:
    pids = shared_gateway.pids()
    recorder = Recorder(shared_gateway, tmp_path / "a.rec", "--worker", "linear_00")
    recorder.wait_for("linear_00")
    row = shared_gateway.subscribe("orderbook", "bytes", **BOOK)
    shared_gateway.wait_until_held(row["id"])
    more(shared_simulator, 10)
    assert recorder.end() == 0, recorder.words()
    assert shared_gateway.pids() == pids
    found = entries_of(tmp_path / "a.rec")
    assert list(found) == ["linear_00"], "the others were not asked for"
    texts = [entry.data.decode() for entry in found["linear_00"] if entry.kind is Kind.RECEIVED]
    ledger = [entry.text for entry in shared_simulator.ledger("linear", direction="sent")]
    begin = ledger.index(texts[0])
    assert texts == ledger[begin : begin + len(texts)]
    sent = [entry.data.decode() for entry in found["linear_00"] if entry.kind is Kind.SENT]
    assert sent == [entry.text for entry in shared_simulator.ledger("linear", direction="received")][-len(sent) :]
    times = [entry.at_ns for entry in found["linear_00"]]
    assert times == sorted(times)
    shared_gateway.call("DELETE", "/api/v1/subscriptions/by-service/bytes")


def test_books_begin_whole_where_topics_are_subscribed_anew_for_the_recording(
    shared_gateway: RunningGateway, shared_simulator: RunningSimulator, tmp_path: Path
) -> None:
    shared_gateway.wait_until_held(shared_gateway.subscribe("orderbook", "resynced", **BOOK)["id"])
    recorder = Recorder(shared_gateway, tmp_path / "a.rec", "--resync")
    wait_for(lambda: "1 topics are subscribed anew" in recorder.words(), recorder.words)
    more(shared_simulator, 20)
    assert recorder.end() == 0, recorder.words()
    kinds = [frame.kind for frame in frames_of(entries_of(tmp_path / "a.rec")["linear_00"])]
    assert "snapshot" in kinds
    shared_gateway.call("DELETE", "/api/v1/subscriptions/by-service/resynced")


def test_a_recorder_that_is_frozen_and_then_killed_costs_the_worker_nothing(
    shared_gateway: RunningGateway, shared_consumer: Consumer, shared_simulator: RunningSimulator, tmp_path: Path
) -> None:
    row = shared_gateway.subscribe("orderbook", "killed", **BOOK)
    shared_gateway.wait_until_held(row["id"])
    file = tmp_path / "a.rec"
    recorder = Recorder(shared_gateway, file, "--worker", "linear_00")
    wait_for(lambda: file.exists() and file.stat().st_size > 600, "something is in the file")
    with frozen(recorder.process.pid):
        more(shared_simulator, 20)
        recorder.process.kill()
    recorder.process.wait(10)
    assert is_gone(recorder.process.pid)
    more(shared_simulator, 20)
    wait_for(lambda: "recorder_gone" in shared_gateway.log("linear_00").splitlines()[-1], "the worker has let it go")
    last = frames_of_ledger(shared_simulator)[-1]["data"]["u"]
    events = shared_consumer.take_until(row["queue"], lambda found: found and found[-1]["payload"]["update_id"] >= last)
    assert_unbroken(events)
    with pytest.raises(RecordingDamaged, match="without its recorder's last word: that was killed"):
        reader.opened(file)
    assert frames_of(entries_of(file, lenient=True)["linear_00"])
    again = Recorder(shared_gateway, tmp_path / "b.rec", "--seconds", "3")
    assert again.process.wait(20) == 0, again.words()
    assert frames_of(entries_of(tmp_path / "b.rec")["linear_00"])
    assert list((shared_gateway.folder / "var" / "record").iterdir()) == [], "nobody's socket is left"
    shared_gateway.call("DELETE", "/api/v1/subscriptions/by-service/killed")


def frames_of_ledger(simulator: RunningSimulator) -> list[dict[str, Any]]:
    return [entry.frame for entry in simulator.ledger("linear", TOPIC)]


def no_room() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (3_000, 3_000))


def test_a_disk_without_room_costs_the_recording_entries_that_it_counts_and_the_worker_nothing(
    shared_gateway: RunningGateway, shared_consumer: Consumer, shared_simulator: RunningSimulator, tmp_path: Path
) -> None:
    row = shared_gateway.subscribe("orderbook", "full", **BOOK)
    shared_gateway.wait_until_held(row["id"])
    file = tmp_path / "a.rec"
    recorder = Recorder(shared_gateway, file, "--worker", "linear_00", preexec=no_room)
    wait_for(lambda: "the disk takes nothing: File too large" in recorder.words(), recorder.words)
    more(shared_simulator, 20)
    assert recorder.end() == 1
    assert "not recorded" in recorder.words().splitlines()[-1]
    recording = reader.opened(file)
    assert recording.tally is not None
    assert recording.tally.lost > 20
    total = int(recorder.words().splitlines()[-1].split(" s: ")[1].split()[0])
    assert recording.entries + recording.tally.lost == total
    last = frames_of_ledger(shared_simulator)[-1]["data"]["u"]
    assert_unbroken(shared_consumer.take_until(row["queue"], lambda found: found and found[-1]["payload"]["update_id"] >= last))
    shared_gateway.call("DELETE", "/api/v1/subscriptions/by-service/full")


def test_a_worker_that_is_killed_and_started_anew_is_recorded_from_its_first_word(
    shared_gateway: RunningGateway, shared_simulator: RunningSimulator, tmp_path: Path
) -> None:
    row = shared_gateway.subscribe("orderbook", "restarted", **BOOK)
    shared_gateway.wait_until_held(row["id"])
    file = tmp_path / "a.rec"
    recorder = Recorder(shared_gateway, file, "--worker", "linear_00")
    wait_for(lambda: file.exists() and file.stat().st_size > 600, "something is in the file")
    before = shared_gateway.pids()["linear_00"]
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: shared_gateway.pids().get("linear_00", before) != before, "started anew")
    shared_gateway.wait_until_held(row["id"])
    more(shared_simulator, 30)
    assert recorder.end() == 0, recorder.words()
    entries = entries_of(file)["linear_00"]
    kinds = [entry.kind for entry in entries]
    assert kinds.count(Kind.ATTACHED) == 2
    again = len(kinds) - 1 - kinds[::-1].index(Kind.ATTACHED)
    assert kinds[again - 1 : again + 2] == [Kind.DETACHED, Kind.ATTACHED, Kind.OPENED]
    assert entries[again - 1].data == b"the worker has gone"
    first, second = (msgspec.json.decode(entries[at].data, type=About) for at in (0, again))
    assert first.epoch < second.epoch
    assert (TOPIC in first.topics, second.topics) == (True, [])
    assert frames_of(entries[again:])[0].kind == "snapshot"
    shared_gateway.call("DELETE", "/api/v1/subscriptions/by-service/restarted")


def test_neither_key_nor_signature_of_a_login_is_in_the_file(
    shared_gateway: RunningGateway, shared_simulator: RunningSimulator, tmp_path: Path
) -> None:
    shared_gateway.wait_until_held(shared_gateway.subscribe("order", "secret")["id"])
    recorder = Recorder(shared_gateway, tmp_path / "a.rec", "--worker", "private_00")
    recorder.wait_for("private_00")
    shared_simulator.cut("private", "abort")

    def logins() -> list[str]:
        return [entry.text for entry in shared_simulator.ledger("private", direction="received") if '"auth"' in entry.text]

    wait_for(lambda: len(logins()) == 2 and any(each.topics for each in shared_simulator.connections("private")), "logged in again")
    assert recorder.end() == 0, recorder.words()
    _, expires, signature = json.loads(logins()[-1])["args"]
    content = b"".join(entry.data for entry in entries_of(tmp_path / "a.rec")["private_00"])
    assert f'{{"op":"auth","args":["(not recorded)",{expires},"(not recorded)"]}}'.encode() in content
    assert shared_simulator.api_key.encode() not in content
    assert signature.encode() not in content
    shared_gateway.call("DELETE", "/api/v1/subscriptions/by-service/secret")


def test_a_recorder_that_nobody_comes_to_says_so(tmp_path: Path, shared_gateway: RunningGateway) -> None:
    (tmp_path / "var").mkdir()
    folder, environ = shared_gateway.folder, shared_gateway.environ
    try:
        shared_gateway.environ = {**environ, "WS_GATEWAY_VAR_DIR": str(tmp_path / "var")}
        recorder = Recorder(shared_gateway, tmp_path / "a.rec")
        wait_for(lambda: "no worker has come yet" in recorder.words(), recorder.words)
        assert recorder.end() == 0
    finally:
        shared_gateway.folder, shared_gateway.environ = folder, environ
    assert reader.opened(tmp_path / "a.rec").lanes == {}
