"""Whatever the documents name exists: settings, commands and their options, make's targets, routes, files, error codes."""

import re
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import pytest

from api.app import create_app
from cli.main import commands
from gateway import config
from gateway.config import SETTINGS
from tests.pages import PAGES, ROOT, anchors, read

#: Pages that tell of the past name what was.
PRESENT = [page for page in PAGES if page.name != "CHANGELOG.md" and "decisions" not in page.parts]

by_page = pytest.mark.parametrize("page", PRESENT, ids=lambda page: page.name)


def code_in(page: Path) -> str:
    """What stands in the page as code, in lines or in blocks."""
    text = read(page).partition("\n## Not done yet\n")[0]
    fenced = re.findall(r"^ *```.*?\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    return "\n".join([*fenced, *re.findall(r"`([^`\n]+)`", re.sub(r"^ *```.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL))])


@by_page
def test_every_setting_that_a_page_names_exists(page: Path) -> None:
    names = set(re.findall(r"\b((?:BYBIT|WS_GATEWAY)_[A-Z_]*[A-Z])\b", read(page)))
    assert names - {row.name for row in SETTINGS} - {f"{row.name}_FILE" for row in SETTINGS if row.secret} == set()


@by_page
def test_every_command_that_a_page_names_exists_with_its_options(page: Path) -> None:
    context = click.Context(commands)
    for line in code_in(page).splitlines():
        words = line.partition("ws-gateway ")[2].split("#")[0].split()
        if not words or not re.fullmatch(r"[a-z]+", words[0]) or "." in line.partition("ws-gateway ")[0][-1:]:
            continue
        command = commands.get_command(context, words[0])
        assert command is not None, line
        if isinstance(command, click.Group) and len(words) > 1 and re.fullmatch(r"[a-z]+", words[1]):
            command = command.get_command(context, words[1])
            assert command is not None, line
        options = {name for parameter in command.params for name in parameter.opts} | {"--help"}
        named = {word.split("=")[0] for word in words if re.match(r"--[a-z]", word)}
        assert words[0] in ("simulate", "replay") or named <= options, line


@by_page
def test_every_target_of_make_that_a_page_names_exists(page: Path) -> None:
    targets = set(re.findall(r"^(\w+):", read("Makefile"), re.MULTILINE))
    assert set(re.findall(r"(?:^|[ =])make ([a-z]+)", code_in(page), re.MULTILINE)) <= targets


@by_page
def test_every_route_that_a_page_names_exists(page: Path) -> None:
    with TemporaryDirectory() as folder:
        app = create_app(config.load({"WS_GATEWAY_VAR_DIR": folder, "WS_GATEWAY_API_KEY": "none"}, Path(folder) / "none"))
    routes = {
        (method, re.sub(r"<[^>]+>|\{[^}]+\}", "*", rule.rule).removeprefix("/api/v1").rstrip("/"))
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
    }
    simulated = {"/simulator"}  # the simulated exchange's own
    for method, path in re.findall(r"\b(GET|POST|PUT|DELETE) (/[\w/{}.-]*)", code_in(page)):
        path = re.sub(r"\{[^}]+\}", "*", path).removeprefix("/api/v1").rstrip("/.")
        if not any(path.startswith(own) for own in simulated) and not path.startswith("/v5"):
            assert (method, path) in routes, (method, path)


@by_page
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    folders = "gateway|workers|api|cli|simulator|migrations|tests|bench|deploy|docs|requirements"
    for name in re.findall(rf"(?<![\w/.-])((?:{folders})/[\w/.-]*[\w/])", code_in(page)):
        assert name.startswith("docs/v5") or (ROOT / name).exists(), name  # pages of the exchange's documentation begin so


def test_every_page_that_the_code_names_exists_with_its_heading() -> None:
    folders = ("gateway", "workers", "api", "cli", "simulator")
    text = "\n".join(path.read_text(encoding="utf-8") for folder in folders for path in (ROOT / folder).rglob("*.py"))
    named = set(re.findall(r"\bdocs/([\w/]+\.md)(?:#([\w-]+))?", text))
    assert ("OPERATIONS.md", "health") in named
    pages = {page for page, _ in named}
    assert [page for page in pages if not (ROOT / "docs" / page).exists()] == []
    assert [(page, anchor) for page, anchor in named if anchor and anchor not in anchors(f"docs/{page}")] == []
    assert re.findall(r"see (?!docs/)(?:the )?[A-Z]+, ", text) == [], "a heading is named as docs/PAGE.md#heading"
