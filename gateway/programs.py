"""PROGRAMS: the part of supervisord.conf that one of several machines runs. Pure.

guard linear=2-3/4      the guard, and of the four processes of linear those numbered 2 and 3
"""

import re
from collections.abc import Iterable

from gateway.errors import SettingError
from gateway.protocol.endpoints import ENDPOINTS

_SECTION = re.compile(r"^\[(?:program|eventlistener):(?P<name>[a-z]+)\]$.*?(?=^\[|\Z)", re.MULTILINE | re.DOTALL)
_WORD = re.compile(r"(?P<name>[a-z]+)(?:=(?P<first>[0-9]+)(?:-(?P<last>[0-9]+))?/(?P<processes>[0-9]+))?")


def chosen(conf: str, words: Iterable[str]) -> str:
    """The same file with these programs alone, each with the processes of this machine. Raises SettingError."""
    sections = {found["name"]: found[0] for found in _SECTION.finditer(conf)}
    kept: dict[str, str] = {}
    for word in words:
        found = _WORD.fullmatch(word)
        if found is None or found["name"] not in sections or (found["processes"] is not None and found["name"] not in ENDPOINTS):
            raise SettingError(
                f"found {word!r}; expected a program out of {', '.join(sections)}, and of an endpoint's also NAME=FIRST-LAST/PROCESSES"
            )
        if found["name"] in kept:
            raise SettingError(f"found {found['name']} twice; expected each program once")
        kept[found["name"]] = _numbered(sections[found["name"]], found)
    head = conf[: next(_SECTION.finditer(conf)).start()]
    return head + "".join(text for name, text in kept.items()).rstrip() + "\n"


def _numbered(section: str, word: re.Match[str]) -> str:
    if word["processes"] is None:
        return section
    first, processes = int(word["first"]), int(word["processes"])
    last = int(word["last"]) if word["last"] is not None else first
    if not first <= last < processes:
        raise SettingError(f"found {word[0]!r}; expected numbers from 0 to {processes - 1}, the first before the last")
    count = f"numprocs={last - first + 1}\nnumprocs_start={first}"
    whole = f"%(process_num)d {processes} {first} {last}"
    return re.sub(r"^numprocs=.*$", count, section, flags=re.MULTILINE).replace("%(process_num)d %(numprocs)d", whole)
