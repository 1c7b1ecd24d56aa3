"""docs/QUICKSTART.md, from top to bottom, and what the README says to run first: on a fresh stack, in a checkout of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from checkout import Checkout, as_promised

from tests.pages import Block, blocks, section

RUN = "make run\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    checkout = Checkout(tmp_path)
    yield checkout
    checkout.end()


def walk(checkout: Checkout, found: list[Block]) -> int:
    """Every block in order, each with what it is promised to print; how many promises were kept."""
    kept = 0
    for number, block in enumerate(found):
        if block.language == "text":
            continue
        if block.text == RUN:
            checkout.run(block.text)
            continue
        said = checkout.execute(block)
        after = found[number + 1] if number + 1 < len(found) else None
        if after is not None and after.language == "text":
            lacking = as_promised(after.text, said)
            assert lacking is None, f"line {after.line} promises {lacking!r}; found {said}"
            kept += 1
    return kept


@pytest.mark.timeout(300)
def test_the_readme_and_then_the_quickstart_can_be_followed_from_top_to_bottom(checkout: Checkout) -> None:
    readme = [block for block in blocks("README.md", "sh") if block.text in section("README.md", "Run it")]
    assert readme[0].text == RUN
    assert walk(checkout, readme) == 0
    found = blocks("docs/QUICKSTART.md")
    assert {block.language for block in found} == {"sh", "text"}
    assert [block.text for block in found].count(RUN) == 1
    assert walk(checkout, [block for block in found if block.text != RUN]) == [block.language for block in found].count("text")
    checkout.interrupt()
    assert not (checkout.folder / "var" / "run.json").exists()


@pytest.mark.parametrize(
    ("promise", "lacking"),
    [("a …\nc", None), ("…\nc d", "c d"), ("c\na b", "a b"), ("a b\n…\nc", None), ("a", "a"), ("… b", None)],
)
def test_a_promise_is_kept_line_by_line_and_in_order(promise: str, lacking: str | None) -> None:
    assert as_promised(promise, "a b\nx\n  c \n") == lacking
