"""The tap and the recorder at its other end: all that is said is heard, no secret is, and nobody waits for a recorder."""

import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from gateway.errors import RequestError
from gateway.protocol import requests
from gateway.recording import places, reader
from gateway.recording.entries import About, Kind, Lost, encode, entries_in
from gateway.recording.recorder import Recorder
from gateway.recording.writer import Writer
from workers import tap
from workers.tap import Tap, hidden

NS = 1_800_000_000_000_000_000


def nothing() -> list[str]:
    return []


@contextmanager
def recording(var_dir: Path, file: Path, *workers: str) -> Iterator[Recorder]:
    """A recorder that listens in a thread until the block ends; its file is whole then."""
    recorder, over = Recorder(var_dir, Writer(file), workers or (places.ALL,)), threading.Event()
    thread = threading.Thread(target=recorder.run, args=(over.is_set,))
    thread.start()
    try:
        yield recorder
    finally:
        over.set()
        thread.join()
        recorder.close()
        recorder.writer.close()


def a_tap(var_dir: Path, worker: str = "linear_00") -> Tap:
    return Tap(var_dir, worker=worker, endpoint=worker.partition("_")[0], epoch="e")


def give_all(ours: Tap) -> None:
    """Until nothing waits."""
    for _ in range(100_000):
        ours.turn(0.0, NS, nothing)
        if not any(recorder.waiting for recorder in ours.recorders):
            return
    raise AssertionError("something waits still")


def kinds_of(file: Path, worker: str = "linear_00") -> list[tuple[Kind, int, bytes]]:
    found = reader.opened(file)
    return [(entry.kind, entry.connection, entry.data) for entry in found.of(worker)]


def test_a_worker_that_nobody_records_looks_once_a_second_and_makes_nothing(tmp_path: Path) -> None:
    ours = a_tap(tmp_path)
    ours.turn(0.0, NS, nothing)
    ours.opened(NS)
    ours.sent(NS, "text")
    ours.closed(NS, "why")
    ours.close(NS)
    assert ours.recorders == []
    assert list(tmp_path.iterdir()) == []


def test_both_directions_are_heard_with_time_connection_and_every_byte(tmp_path: Path) -> None:
    file, strange = tmp_path / "a.rec", bytes(range(256))
    ours = a_tap(tmp_path)
    ours.opened(NS)
    ours.closed(NS, "before anybody listened")
    with recording(tmp_path, file):
        ours.turn(5.0, NS + 1, lambda: ["a", "b"])
        ours.opened(NS + 2)
        ours.sent(NS + 3, '{"op":"subscribe","args":["a"]}')
        ours.received(NS + 4, strange)
        ours.closed(NS + 5, "it went")
        ours.closed(NS + 5, "nothing was open")
        give_all(ours)
    about = msgspec.json.encode(About("linear_00", "linear", "e", ["a", "b"]))
    assert kinds_of(file) == [
        (Kind.ATTACHED, 0, about),
        (Kind.OPENED, 2, b""),
        (Kind.SENT, 2, b'{"op":"subscribe","args":["a"]}'),
        (Kind.RECEIVED, 2, strange),
        (Kind.CLOSED, 2, b"it went"),
    ]
    assert [entry.at_ns - NS for entry in reader.opened(file).of("linear_00")] == [1, 2, 3, 4, 5]


def test_a_login_is_recorded_without_key_and_signature(tmp_path: Path) -> None:
    file, ours = tmp_path / "a.rec", a_tap(tmp_path, "private_00")
    with recording(tmp_path, file):
        ours.turn(0.0, NS, nothing)
        ours.sent(NS, requests.auth("the-key", 123, lambda text: f"signed:{text}"))
        ours.sent(NS, requests.subscribe(['"auth"'], "1"))
        give_all(ours)
    kept = [data for kind, _, data in kinds_of(file, "private_00") if kind is Kind.SENT]
    assert [json.loads(text) for text in kept] == [
        {"op": "auth", "args": ["(not recorded)", 123, "(not recorded)"]},
        {"req_id": "1", "op": "subscribe", "args": ['"auth"']},
    ]
    assert not [text for text in kept if b"the-key" in text or b"signed" in text]


def test_what_is_no_login_is_untouched() -> None:
    assert hidden('{"op": "ping"}') == '{"op": "ping"}'


def test_only_the_workers_that_were_named_are_recorded(tmp_path: Path) -> None:
    file, linear, spot = tmp_path / "a.rec", a_tap(tmp_path), a_tap(tmp_path, "spot_00")
    with recording(tmp_path, file, "spot_00"):
        for ours in (linear, spot):
            ours.turn(0.0, NS, nothing)
            give_all(ours)
    assert linear.recorders == []
    assert list(reader.opened(file).lanes) == ["spot_00"]


def test_a_recorder_that_takes_nothing_costs_it_entries_that_are_counted_and_marked(tmp_path: Path) -> None:
    """It listens and does not read, until it does."""
    places.folder(tmp_path).mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.fspath(places.place(tmp_path, places.ALL, 1)))
        listening.listen()
        ours, frame = a_tap(tmp_path), b"x" * 100_000
        ours.turn(0.0, NS, nothing)
        theirs, _ = listening.accept()
        [recorder] = ours.recorders
        count = 2 * tap.WAITING_BYTES // len(frame)
        for number in range(count):
            ours.received(NS + number, frame)
            ours.turn(0.0, NS, nothing)
        assert len(recorder.waiting) <= tap.WAITING_BYTES
        assert recorder.lost > count / 3
        lost = recorder.lost
        heard = bytearray()
        reading = threading.Thread(target=lambda: heard.extend(_all_of(theirs)))
        reading.start()
        give_all(ours)
        ours.received(NS + count, b"the first that there is room for")
        give_all(ours)
        ours.close(NS + count)
        reading.join()
    told = list(entries_in(bytes(heard)))
    received = [entry for entry in told if entry.kind is Kind.RECEIVED]
    [mark] = [entry for entry in told if entry.kind is Kind.LOST]
    assert len(received) == count - lost + 1
    assert msgspec.json.decode(mark.data, type=Lost) == Lost(lost, received[-2].at_ns + 1)
    assert [entry.kind for entry in told[-3:]] == [Kind.LOST, Kind.RECEIVED, Kind.DETACHED]


def _all_of(theirs: socket.socket) -> bytes:
    found = bytearray()
    with theirs:
        while part := theirs.recv(1 << 18):
            found += part
    return bytes(found)


def test_a_recorder_that_has_gone_is_let_go_and_its_socket_is_not_tried_for_ever(tmp_path: Path) -> None:
    ours = a_tap(tmp_path)
    with recording(tmp_path, tmp_path / "a.rec"):
        ours.turn(0.0, NS, nothing)
        give_all(ours)
        assert len(ours.recorders) == 1
    ours.received(NS, b"unheard")
    ours.turn(0.1, NS, nothing)
    assert ours.recorders == []
    place = places.place(tmp_path, places.ALL, 1)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(os.fspath(place))
    ours.turn(5.0, NS, nothing)
    assert ours.recorders == []
    assert not place.exists(), "whoever made it is dead"


def test_two_recorders_hear_the_same(tmp_path: Path) -> None:
    """The second is another process's, so its socket has another name."""
    ours = a_tap(tmp_path)
    with recording(tmp_path, tmp_path / "a.rec"), recording(tmp_path, tmp_path / "b.rec", "linear_00"):
        ours.turn(0.0, NS, nothing)
        for number in range(1_000):
            ours.received(NS + number, b"%d" % number)
        give_all(ours)
    assert kinds_of(tmp_path / "a.rec") == kinds_of(tmp_path / "b.rec")
    assert len(kinds_of(tmp_path / "a.rec")) == 1_001


def test_a_worker_that_is_started_anew_goes_on_in_the_same_recording(tmp_path: Path) -> None:
    file = tmp_path / "a.rec"
    with recording(tmp_path, file):
        for number in range(3):
            ours = a_tap(tmp_path)
            ours.turn(0.0, NS, nothing)
            ours.opened(NS)
            ours.received(NS, b"%d" % number)
            ours.close(NS)
    kinds = [kind for kind, _, _ in kinds_of(file)]
    assert kinds.count(Kind.ATTACHED) == 3
    assert [data for kind, _, data in kinds_of(file) if kind is Kind.RECEIVED] == [b"0", b"1", b"2"]
    assert {data for kind, _, data in kinds_of(file) if kind is Kind.DETACHED} == {
        b"the worker has stopped",
        b"the worker has gone",
    }


@pytest.mark.parametrize("noise", [b"GET / HTTP/1.1\r\n\r\n" * 5, encode(Kind.RECEIVED, 1, 1, b"who are you"), b"\xff" * 500])
def test_whoever_talks_nonsense_to_a_recorder_is_let_go_and_costs_the_others_nothing(tmp_path: Path, noise: bytes) -> None:
    file, ours = tmp_path / "a.rec", a_tap(tmp_path)
    with recording(tmp_path, file), socket.socket(socket.AF_UNIX) as stranger:
        stranger.connect(os.fspath(places.place(tmp_path, places.ALL, os.getpid())))
        stranger.sendall(noise)
        assert stranger.recv(1) == b"", "it was let go"
        ours.turn(0.0, NS, nothing)
        ours.received(NS, b"sense")
        give_all(ours)
    assert [data for kind, _, data in kinds_of(file) if kind is Kind.RECEIVED] == [b"sense"]


def test_a_var_folder_that_is_too_long_for_sockets_is_said(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="too long for a socket; expected at most 107 bytes"):
        Recorder(tmp_path / ("x" * 100), Writer(tmp_path / "a.rec"))
