"""Programs: the supervisord.conf of one machine has what was chosen, each process with its number over all machines, and nothing else."""

import configparser
from pathlib import Path

import pytest

from gateway.errors import SettingError
from gateway.programs import chosen
from workers.exchange import slot_of

WHOLE = (Path(__file__).resolve().parents[2] / "supervisord.conf").read_text(encoding="utf-8")


def read(text: str) -> configparser.RawConfigParser:
    found = configparser.RawConfigParser(inline_comment_prefixes=(";",))
    found.read_string(text)
    return found


def programs(text: str) -> list[str]:
    return [name.partition(":")[2] for name in read(text).sections() if name.startswith(("program:", "eventlistener:"))]


def test_what_is_chosen_is_there_as_it_was_and_nothing_else() -> None:
    found = chosen(WHOLE, ["prepare", "router", "guard", "api", "status"])
    assert programs(found) == ["prepare", "router", "guard", "api", "status"]
    before, after = read(WHOLE), read(found)
    assert all(dict(before[name]) == dict(after[name]) for name in after.sections())
    assert {"supervisord", "unix_http_server", "supervisorctl", "rpcinterface:supervisor"} <= set(after.sections())


def test_all_of_it_is_the_whole_file() -> None:
    assert read(chosen(WHOLE, programs(WHOLE))) == read(WHOLE)


def test_the_processes_of_two_machines_are_each_of_the_endpoint_once_and_know_how_many_there_are() -> None:
    slots = []
    for word in ("linear=0-1/3", "linear=2/3"):
        section = read(chosen(WHOLE, ["guard", word]))["program:linear"]
        first, count = int(section["numprocs_start"]), int(section["numprocs"])
        for number in range(first, first + count):
            command = section["command"].replace("%(process_num)d", str(number))
            slots.append(slot_of(command.split()[3:]))
    assert [(slot.number, slot.processes, list(slot.here)) for slot in slots] == [(0, 3, [0, 1]), (1, 3, [0, 1]), (2, 3, [2])]


@pytest.mark.parametrize(
    "words", [["moon"], ["linear=3/3"], ["linear=2-1/3"], ["linear=x"], ["router=0/2"], ["linear", "linear=0/2"], ["linear=0-1"]]
)
def test_what_cannot_be_is_one_sentence(words: list[str]) -> None:
    with pytest.raises(SettingError, match=r"^found .*; expected ") as caught:
        chosen(WHOLE, words)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "arguments", [[], ["moon", "0", "1"], ["linear", "1", "1"], ["linear", "0"], ["linear", "0", "4", "1", "2"], ["linear", "0", "2", "0", "2"], ["linear", "²", "3"]]
)  # fmt: skip
def test_a_process_that_is_started_as_one_that_cannot_be_says_so(arguments: list[str]) -> None:
    with pytest.raises(SettingError, match=r"^expected ENDPOINT NUMBER PROCESSES \[FIRST LAST\]"):
        slot_of(arguments)
