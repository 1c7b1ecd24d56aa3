"""The documents as the tests read them: fenced blocks, links, anchors, first cells of tables."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])

_FENCE = re.compile(r"^(?P<indent> *)```(?P<words>[^\n`]*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(?P<words>.+?)\s*$", re.MULTILINE)
_CODE = re.compile(r"`` (.+?) ``|`([^`]+)`")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block.

    language  the first word behind the fence; "" for none
    line      where the fence stands, counted from 1
    """

    language: str
    text: str
    line: int


def read(page: str | Path) -> str:
    """A page by its path, or by its name from the project's root."""
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str | Path, *languages: str) -> list[Block]:
    """The page's fenced blocks in order, of these languages or all of them."""
    text = read(page)
    found = []
    for fence in _FENCE.finditer(text):
        language = (fence["words"].split() or [""])[0]
        if not languages or language in languages:
            lines = fence["text"].splitlines()
            body = "\n".join(line.removeprefix(fence["indent"]) for line in lines) + "\n"
            found.append(Block(language, body, text.count("\n", 0, fence.start()) + 1))
    return found


def prose(page: str | Path) -> str:
    """The page without its fenced blocks."""
    return _FENCE.sub("", read(page))


def links(page: str | Path) -> Iterator[tuple[str, str]]:
    """(path, anchor) of each relative link; an empty path is the page itself."""
    for link in _LINK.finditer(prose(page)):
        if not re.match(r"[a-z]+:", link["target"]):
            path, _, anchor = link["target"].partition("#")
            yield path, anchor


def anchors(page: str | Path) -> set[str]:
    """What `#…` may follow a link to the page: its headings, written as GitHub does."""
    found: set[str] = set()
    for heading in _HEADING.finditer(prose(page)):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading["words"]).replace("`", "")
        base = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
        name, number = base, 0
        while name in found:
            number += 1
            name = f"{base}-{number}"
        found.add(name)
    return found


def section(page: str | Path, heading: str) -> str:
    """What stands under a heading, up to the next one of its rank or a higher one. Raises LookupError without it."""
    text = read(page)
    match = re.search(rf"^(?P<marks>#+) {re.escape(heading)}$", text, re.MULTILINE)
    if match is None:
        raise LookupError(f"{page} has no heading {heading!r}")
    rest = text[match.end() :]
    end = re.search(rf"^#{{1,{len(match['marks'])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def first_cells(text: str) -> list[list[str]]:
    """Of each row of the tables in a text: the code spans in its first cell."""
    rows = [line for line in text.splitlines() if line.startswith("|") and not set(line) <= set("|- ")]
    return [["".join(parts) for parts in found] for row in rows if (found := _CODE.findall(row.split(" | ")[0]))]
