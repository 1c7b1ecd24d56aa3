"""Write the tables of the documents, env.example and the published schemas from the tables of the code: `python -m cli.docs`.

A table stands between `<!-- generated: NAME -->` and `<!-- end -->`; what is around it is written by hand.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import click

from api import access, forms
from api.app import create_app
from cli import channel_docs, exchange_docs, simulator_docs
from cli.exits import EXITS
from cli.main import commands
from gateway import breaker, config
from gateway.config import SETTINGS, Setting
from gateway.metrics.table import METRICS
from gateway.protocol import session
from gateway.protocol.endpoints import ENDPOINTS
from gateway.protocol.topic_moves import MOVES as TOPIC_MOVES
from gateway.schemas import asyncapi, schemas

ROOT = Path(__file__).resolve().parent.parent
#: Documents with tables; the test looks for markers that this list has missed.
DOCUMENTS = (
    "README.md", "docs/EVENTS.md", "docs/ARCHITECTURE.md", "docs/SIMULATOR.md", "docs/METRICS.md", "docs/OPERATIONS.md",
    "docs/SECURITY.md", "docs/decisions/README.md",
)  # fmt: skip
ENV_EXAMPLE = "env.example"
#: Published schemas: one file an event class.
SCHEMAS = "docs/schemas"
ASYNCAPI = "docs/asyncapi.json"


#: Left out of a `.env` that is copied from env.example: `make run` would go to the real exchange.
COMMENTED_OUT = frozenset({"BYBIT_ENVIRONMENT"})

#: Routes outside the OpenAPI document.
PAGES = {
    "/": "The control page, without data: its scripts ask for that with the key that is typed in",
    "/docs": "The documentation to read",
    "/docs/": "The same as /docs",
    "/docs/openapi.json": "The same as /openapi.json",
    "/docs/redoc": "The documentation to read, on one page",
    "/openapi.json": "OpenAPI 3.1",
}

S = TypeVar("S", bound=Enum)
H = TypeVar("H", bound=Enum)

_BLOCK = re.compile(r"(?P<head><!-- generated: (?P<name>[a-z_]+) -->\n).*?(?P<foot><!-- end -->)", re.DOTALL)


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [head, ("---",) * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def settings() -> str:
    return table(
        ("variable", "default", "meaning"),
        ((f"`{row.name}`", f"`{row.default}`" if row.default else "empty", _meaning(row)) for row in SETTINGS),
    )


def endpoints() -> str:
    return table(
        (
            "endpoint",
            "path",
            "category",
            "login",
            "topics a request",
            "topics a connection",
            "characters of topics",
            "answers matched by",
        ),
        (
            (
                f"`{row.name}`",
                f"`{row.path}`",
                row.category or "-",
                "yes" if row.authenticates else "no",
                str(row.topics_per_request),
                _limit(row.topics_per_connection),
                _limit(row.characters),
                "our `req_id`" if row.ack_match == "req_id" else "topic names",
            )
            for row in ENDPOINTS.values()
        ),
    )


def routes() -> str:
    """As the application has them, but for the files that its pages load."""
    with TemporaryDirectory() as folder:
        app = create_app(config.load({"WS_GATEWAY_VAR_DIR": folder, "WS_GATEWAY_API_KEY": "none"}, Path(folder) / "none"))
    described = app.api_doc["paths"]
    rows = []
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        if "filename" in rule.arguments:
            continue
        path = forms.path_of(rule.rule)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            scope = "none" if access.OPEN.fullmatch(rule.rule) else access.scope_of(path, method)
            what = described[path][method.lower()]["summary"] if path in described else PAGES[path]
            rows.append((f"`{method} {path}`", scope, what))
    return table(("call", "scope of the key", "what"), rows)


def verbs() -> str:
    return table(("command", "options", "what"), _commands(commands, "ws-gateway"))


def _commands(group: click.Group, words: str) -> Iterator[tuple[str, ...]]:
    """The commands of a group, and of the groups in it."""
    context = click.Context(group, info_name=words)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None:
            raise LookupError(f"the verb {name} has no command")
        if isinstance(command, click.Group):
            yield from _commands(command, f"{words} {name}")
            continue
        arguments = [part for part in command.collect_usage_pieces(click.Context(command, info_name=name)) if "OPTIONS" not in part]
        options = " ".join(f"`{option.opts[0]}`" for option in command.params if isinstance(option, click.Option))
        yield f"`{' '.join([words, name, *arguments])}`", options, command.help or ""


def metrics() -> str:
    return table(
        ("metric", "type", "labels", "unit", "meaning"),
        ((f"`{row.name}`", row.kind, " ".join(f"`{label}`" for label in row.labels), row.unit, row.meaning) for row in METRICS),
    )


def exit_codes() -> str:
    return table(("exit code", "when"), ((str(code), when) for code, when in EXITS.items()))


def session_moves() -> str:
    return _moves(session.MOVES)


def topic_moves() -> str:
    return _moves(TOPIC_MOVES)


def breaker_moves() -> str:
    return _moves(breaker.MOVES)


def _filled(rows: Callable[[], simulator_docs.Rows]) -> str:
    head, *others = rows()
    return table(head, others)


def decisions() -> str:
    """The pages beside the index, by number."""
    pages = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    titles = [page.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ") for page in pages]
    return table(("decision",), ((f"[{title}]({page.name})",) for page, title in zip(pages, titles, strict=True)))


BLOCKS: dict[str, Callable[[], str]] = {
    "decisions": decisions,
    "settings": settings,
    "endpoints": endpoints,
    "routes": routes,
    "commands": verbs,
    "metrics": metrics,
    "exit_codes": exit_codes,
    "session_moves": session_moves,
    "topic_moves": topic_moves,
    "breaker_moves": breaker_moves,
    **{name: partial(_filled, rows) for name, rows in (channel_docs.TABLES | exchange_docs.TABLES | simulator_docs.TABLES).items()},
}


def env_example() -> str:
    """Every setting with its default and one line; as `.env` it changes nothing."""
    lines = [
        "# Every setting of the gateway with its default. Copy it to .env and change what you need; variables of the environment win.",
        "# A secret may be given as NAME_FILE instead: the path of a file that holds it. Written by `python -m cli.docs`.",
    ]
    for row in SETTINGS:
        mark = "#" if row.name in COMMENTED_OUT else ""
        lines += ["", f"# {_meaning(row)}", f"{mark}{row.name}={row.default}"]
    return "\n".join(lines) + "\n"


def renewed(text: str) -> str:
    """A document with all its tables written anew. Raises KeyError for a marker that no function here fills."""
    return _BLOCK.sub(lambda block: f"{block['head']}{BLOCKS[block['name']]()}{block['foot']}", text)


def names_in(text: str) -> list[str]:
    """The tables that a document holds."""
    return [block["name"] for block in _BLOCK.finditer(text)]


def expected() -> dict[str, str]:
    """File → what it should say."""
    whole = {name: renewed((ROOT / name).read_text(encoding="utf-8")) for name in DOCUMENTS}
    return {**whole, ENV_EXAMPLE: env_example(), **published()}


def published() -> dict[str, str]:
    """The schemas of all event classes, and the AsyncAPI document: file → text."""
    files = {f"{SCHEMAS}/{name}.json": schemas.text(found) for name, found in schemas.all_schemas().items()}
    return {**files, ASYNCAPI: schemas.text(asyncapi.document())}


def _meaning(row: Setting) -> str:
    words = [row.meaning, f"Expected: {row.expected}."]
    if row.secret:
        words.append(f"Secret: also as `{row.name}_FILE`.")
    return " ".join(words)


def _limit(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"


def _moves(moves: Mapping[tuple[S, H], S] | Mapping[tuple[S, H], S | None]) -> str:
    """Inputs as rows, states as columns."""
    states = list(dict.fromkeys(state for state, _ in moves))
    inputs = list(dict.fromkeys(heard for _, heard in moves))
    rows = (
        (heard.name, *(_target(moves[state, heard]) if (state, heard) in moves else "" for state in states)) for heard in inputs
    )
    return table(("", *(state.name for state in states)), rows)


def _target(state: Enum | None) -> str:
    return "gone" if state is None else state.name


def main() -> None:
    """Write what differs, and say so."""
    for name, text in expected().items():
        path = ROOT / name
        path.parent.mkdir(exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(f"written: {name}")


if __name__ == "__main__":
    main()
