"""The documents say what the code says: tables, env.example, links and the list of settings without effect."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from cli import docs
from gateway import config
from gateway.config import SETTINGS, Settings
from gateway.protocol.channels import CHANNELS
from tests.chaos.rows import ROWS
from tests.pages import PAGES, anchors, links

PACKAGES = ("gateway", "workers", "api", "cli", "simulator")


@pytest.mark.parametrize("name", [*docs.DOCUMENTS, docs.ENV_EXAMPLE, *docs.published()])
def test_document_is_what_python_m_cli_docs_writes(name: str) -> None:
    assert (docs.ROOT / name).read_text(encoding="utf-8") == docs.expected()[name], "run python -m cli.docs"


def test_schemas_are_of_event_classes_and_of_nothing_else() -> None:
    found = {path.relative_to(docs.ROOT).as_posix() for path in (docs.ROOT / docs.SCHEMAS).iterdir()}
    assert found == set(docs.published()) - {docs.ASYNCAPI}


def test_every_table_stands_in_a_document() -> None:
    found = [name for page in docs.DOCUMENTS for name in docs.names_in((docs.ROOT / page).read_text(encoding="utf-8"))]
    assert sorted(found) == sorted(docs.BLOCKS)


def test_every_marker_belongs_to_a_table() -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        assert text.count("<!-- generated:") == text.count("<!-- end -->") == len(docs.names_in(text)), page.name
        assert not docs.names_in(text) or str(page.relative_to(docs.ROOT)) in docs.DOCUMENTS, page.name


def test_renewing_a_document_twice_changes_nothing() -> None:
    once = docs.renewed("before\n<!-- generated: settings -->\nworn out\n<!-- end -->\nafter\n")
    assert "worn out" not in once
    assert once.startswith("before\n")
    assert once.endswith("<!-- end -->\nafter\n")
    assert docs.renewed(once) == once


def test_table_that_nobody_fills_is_an_error_by_name() -> None:
    with pytest.raises(KeyError, match="nonsense"):
        docs.renewed("<!-- generated: nonsense -->\n<!-- end -->")


def test_upright_line_in_a_cell_does_not_end_the_cell() -> None:
    assert docs.table(("a", "b"), [("1|2", "3")]).splitlines()[-1] == "| 1\\|2 | 3 |"


def test_env_example_as_dotenv_changes_no_setting() -> None:
    assert config.load({}, docs.ROOT / docs.ENV_EXAMPLE) == config.load({}, docs.ROOT / "no-such-file")


def test_env_example_gives_each_setting_its_default_and_one_line_of_words() -> None:
    lines = (docs.ROOT / docs.ENV_EXAMPLE).read_text(encoding="utf-8").splitlines()
    for row in SETTINGS:
        places = [number for number, line in enumerate(lines) if line.removeprefix("#") == f"{row.name}={row.default}"]
        assert len(places) == 1, row.name
        assert lines[places[0] - 1].startswith(f"# {row.meaning}"), row.name


def test_every_setting_is_read_by_some_code() -> None:
    code = "\n".join(
        path.read_text(encoding="utf-8")
        for package in PACKAGES
        for path in (docs.ROOT / package).rglob("*.py")
        if path != docs.ROOT / "gateway" / "config.py"
    )
    own = (docs.ROOT / "gateway" / "config.py").read_text(encoding="utf-8")
    derived = set(re.findall(r"self\.(\w+)", own))
    unread = {
        row.name
        for row, field in zip(SETTINGS, fields(Settings), strict=True)
        if field.name not in derived and not re.search(rf"\.{field.name}\b", code)
    }
    assert unread == set()


def test_every_event_type_has_its_identity_described() -> None:
    text = (docs.ROOT / "docs" / "EVENTS.md").read_text(encoding="utf-8")
    section = text.split("## What makes an event the same event", 1)[1].split("\n## ", 1)[0]
    for channel in CHANNELS:
        assert f"| `{channel.event_type}` |" in section, channel.event_type


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file_and_to_a_heading_in_it(page: Path) -> None:
    for path, anchor in links(page):
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), f"{path}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_source_file_that_a_page_names_exists(page: Path) -> None:
    for name in re.findall(
        r"`((?:gateway|workers|api|cli|simulator|migrations|tests)/[\w/.-]+)`", page.read_text(encoding="utf-8")
    ):
        assert (docs.ROOT / name).exists(), name


def test_the_channel_table_names_a_covering_case_for_every_channel_and_category() -> None:
    text = (docs.ROOT / "README.md").read_text(encoding="utf-8")
    lines = {
        row.channel_type: next(line for line in text.splitlines() if line.startswith(f"| `{row.channel_type}` |"))
        for row in CHANNELS
    }
    for row in CHANNELS:
        covered = lines[row.channel_type].rstrip(" |").rpartition("| ")[2]
        assert covered.startswith("`tests/"), row.channel_type
        for category in filter(None, row.topics):
            assert row.endpoint == "" or re.search(rf"\b{category} [1-9]", covered), (row.channel_type, category)


def test_every_promise_names_tests_that_exist() -> None:
    text = (docs.ROOT / "docs" / "GUARANTEES.md").read_text(encoding="utf-8")
    named = re.findall(r"`(\w+/\w+\.py)::(\w+)`", text)
    assert len(named) > 30
    for path, test in named:
        assert re.search(rf"^def {test}\(", (docs.ROOT / "tests" / path).read_text(encoding="utf-8"), re.MULTILINE), (
            f"{path}::{test}"
        )
    faults = re.findall(r"`chaos (\w+)`", text)
    assert len(faults) > 15
    names = {row.name for row in ROWS}
    assert set(faults) <= names
    promises = [
        part
        for part in re.split(r"\n(?=\* |#|\n)", text.split("## From the socket", 1)[1].split("## What is not promised", 1)[0])
        if part.startswith("* ")
    ]
    assert promises
    assert [part for part in promises if "::" not in part and "`chaos " not in part] == []
