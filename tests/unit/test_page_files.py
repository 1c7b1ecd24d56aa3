"""The files of the control page: small, said what they are, and with no way for a text to become markup or to come from elsewhere."""

import re
from pathlib import Path

import pytest

from api import page

FOLDER = Path(page.__file__).parent / "static"
FILES = sorted(FOLDER.iterdir())
SCRIPTS = [path for path in FILES if path.suffix == ".js"]
#: What would read a text as markup or as a program.
READS_MARKUP = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|eval\(|new Function|setHTML|srcdoc"
)
#: The name of SVG's elements is no place that is asked.
NAMES = ("http://www.w3.org/2000/svg",)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_nothing_comes_from_elsewhere_and_no_file_is_longer_than_one_sitting(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert [url for url in re.findall(r"(?:https?:|wss?:)?//[\w.-]+\.\w+[^\s\"']*", text) if not url.startswith(NAMES)] == []
    assert len(text.splitlines()) <= 300


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_says_what_it_is_and_reads_no_markup(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("// ")
    assert READS_MARKUP.findall(text) == []
    assert "localStorage" not in text, "a key is kept in the tab alone"


def test_every_file_is_used_and_every_used_file_is_there() -> None:
    named = set()
    for path in FILES:
        named |= set(re.findall(r"(?:\./|/static/)([\w.]+)", path.read_text(encoding="utf-8")))
    assert named == {path.name for path in FILES} - {page.PAGE}
