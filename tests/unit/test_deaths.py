"""What supervisord says, and what is told of it. The texts are those that supervisor 4.3 sends."""

import pytest

from workers.deaths import Notice, length_of, notice, words

HEAD = "ver:3.0 server:supervisor serial:21 pool:guard poolserial:10 eventname:{} len:71"


def said(event: str, body: str) -> Notice:
    return notice(HEAD.format(event), body)


@pytest.mark.parametrize(
    ("event", "body", "kind"),
    [
        ("PROCESS_STATE_EXITED", "processname:linear_00 groupname:linear from_state:RUNNING expected:0 pid:2766", "died"),
        ("PROCESS_STATE_EXITED", "processname:prepare_00 groupname:prepare from_state:RUNNING expected:1 pid:2766", None),
        ("PROCESS_STATE_BACKOFF", "processname:linear_00 groupname:linear from_state:STARTING tries:3", "died"),
        ("PROCESS_STATE_FATAL", "processname:linear_00 groupname:linear from_state:BACKOFF", "fatal"),
        ("PROCESS_STATE_RUNNING", "processname:linear_00 groupname:linear from_state:STARTING pid:2766", None),
    ],
)
def test_what_nobody_wanted_is_told(event: str, body: str, kind: str | None) -> None:
    assert said(event, body).kind == kind


def test_a_notice_is_read_whole() -> None:
    found = said("PROCESS_STATE_EXITED", "processname:spot_01 groupname:spot from_state:RUNNING expected:0 pid:2766")
    assert found == Notice(21, "PROCESS_STATE_EXITED", "spot", "spot_01", 2766, expected=False, tries=0)
    assert length_of(HEAD.format("PROCESS_STATE_EXITED")) == 71


@pytest.mark.parametrize("text", ["", "len", "len:x", "eventname:TICK_5"])
def test_what_is_no_event_is_an_error_by_name(text: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        length_of(text)


def test_the_words_say_how_it_ended_what_follows_and_what_else_tells_of_it() -> None:
    body = "processname:linear_00 groupname:linear from_state:RUNNING expected:0 pid:2766"
    died = said("PROCESS_STATE_EXITED", body)
    assert words(died, "terminated by SIGKILL; not expected", None).startswith(
        "the process (pid 2766) ended by itself: terminated by SIGKILL; not expected; what may be missing because of it"
    )
    assert "which the event 1-2 tells: supervisord's log says how" in words(died, None, "1-2")
    router = said("PROCESS_STATE_EXITED", body.replace("linear", "router"))
    assert (
        words(router, "exit status 1; not expected", None) == "the process (pid 2766) ended by itself: exit status 1; not expected"
    )
    loop = said("PROCESS_STATE_BACKOFF", "processname:api_00 groupname:api from_state:STARTING tries:3")
    assert words(loop, "exit status 2; not expected", None) == (
        "the process ended by itself: exit status 2; not expected; starts in a row that failed: 3; it is started again in 3 s"
    )
    fatal = said("PROCESS_STATE_FATAL", "processname:api_00 groupname:api from_state:BACKOFF")
    assert "`supervisorctl start api:api_00`" in words(fatal, None, None)
