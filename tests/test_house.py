"""The house's rules: who imports what, how large files are, what nobody writes, and that the tables of the code are documented."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.config import SETTINGS
from gateway.protocol.channels import CHANNELS

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("gateway", "workers", "api", "cli", "simulator")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
#: No package of the product, and written by the same rules.
BENCH = sorted((ROOT / "bench").rglob("*.py"))
LONGEST = 300

#: Library → the files, or folders, that may import it.
ONLY_IN = {
    "kombu": ("gateway/sinks/broker.py", "gateway/sinks/topology.py", "gateway/consumer.py"),
    "amqp": ("gateway/sinks/broker.py", "gateway/sinks/topology.py", "gateway/sinks/moving.py", "gateway/consumer.py"),
    "zmq": ("gateway/bus/",),
    "psycopg2": ("gateway/database/db.py",),
    "websocket": ("workers/dial.py",),
    "supervisor": ("workers/supervised.py",),
    "rich": ("cli/",),
    "flask": ("api/",),
    "flask_openapi3": ("api/",),
}

#: Folder → packages of ours that it must not import.
NEVER = {
    "gateway": ("workers", "api", "cli", "simulator"),
    "workers": ("api", "cli", "simulator"),
    "api": ("workers", "cli", "simulator"),
    "simulator": ("workers", "api", "cli"),
}

#: What the dialect may import besides itself and the standard library.
PURE = ("gateway.protocol", "gateway.models", "gateway.errors", "gateway.names", "msgspec")
#: Standard modules that are a socket, a clock, a thread, a log or the environment.
IMPURE = ("socket", "ssl", "select", "time", "threading", "asyncio", "logging", "os", "random", "subprocess", "multiprocessing")

#: Names that mean four things: of a class at its end, of a file as a whole.
EMPTY_WORDS = re.compile(r"(Manager|Handler|Service|Helper|Util)s?$")
EMPTY_FILES = re.compile(r"(.*_)?(manager|handler|service|helper|util)s?")

#: Imports each module that is named in a process of its own, and prints those that cannot be.
_IMPORT_EACH = """
import importlib, os, sys
for name in sys.argv[1:]:
    if os.fork() == 0:
        try:
            importlib.import_module(name)
        except ImportError as fault:
            print(name, fault, flush=True)
        os._exit(0)
    os.wait()
"""


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports_in(text: str) -> set[str]:
    """Every module that a source imports, at the top or deep inside; `from a import b` counts as `a` and `a.b`."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module or "."} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def modules_imported(path: Path) -> set[str]:
    return imports_in(path.read_text(encoding="utf-8"))


def impure_imports(text: str) -> set[str]:
    """What the dialect must not import."""
    return {
        module
        for module in imports_in(text)
        if not any(is_within(module, allowed) or is_within(allowed, module) for allowed in PURE)
        and (module.partition(".")[0] not in sys.stdlib_module_names or module.partition(".")[0] in IMPURE)
    } - {f"gateway.{name}" for name in ("models", "errors", "names", "protocol")}


def tree() -> Iterator[Path]:
    """Every text file under version control, and those that would come under it."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    yield from (path for path in (ROOT / name for name in listed) if path.is_file())


@pytest.mark.parametrize("path", sorted((ROOT / "gateway" / "protocol").rglob("*.py")), ids=name_of)
def test_dialect_imports_nothing_that_blocks_or_knows_the_time(path: Path) -> None:
    assert impure_imports(path.read_text(encoding="utf-8")) == set()


@pytest.mark.parametrize(
    "line",
    ["import time", "from gateway.bus import bus", "import kombu", "from gateway.database.db import connect", "import os.path"],
)
def test_impure_import_in_the_dialect_would_be_found(line: str) -> None:
    assert impure_imports(line)


def test_each_part_of_the_dialect_can_be_imported_first() -> None:
    """A circle of imports works only for whoever happens to begin at the right place."""
    paths = [path.relative_to(ROOT).with_suffix("") for path in (ROOT / "gateway" / "protocol").rglob("*.py")]
    names = sorted(".".join(path.parts).removesuffix(".__init__") for path in paths)
    done = subprocess.run([sys.executable, "-c", _IMPORT_EACH, *names], cwd=ROOT, capture_output=True, text=True, check=False)
    assert len(names) > 20
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.parametrize("folder", NEVER)
def test_imports_point_down_only(folder: str) -> None:
    upward = [
        f"{name_of(path)} imports {module}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for module in modules_imported(path)
        if module.partition(".")[0] in NEVER[folder]
    ]
    assert upward == []


@pytest.mark.parametrize("library", ONLY_IN)
def test_library_is_imported_where_it_belongs_and_nowhere_else(library: str) -> None:
    users = [name_of(path) for path in SOURCES if any(is_within(module, library) for module in modules_imported(path))]
    assert users, f"nobody imports {library}: take it out of the table"
    assert [user for user in users if not user.startswith(ONLY_IN[library])] == []


def test_no_source_file_is_longer_than_one_sitting() -> None:
    lengths = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in [*SOURCES, *BENCH]}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


@pytest.mark.parametrize("path", [*SOURCES, *BENCH], ids=name_of)
def test_file_says_what_it_is_in_its_first_line(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    is_empty_package = path.name == "__init__.py" and not text.strip()
    assert is_empty_package or ast.get_docstring(ast.parse(text))


def test_no_name_means_four_things() -> None:
    files = [name_of(path) for path in [*SOURCES, *BENCH, *TESTS] if EMPTY_FILES.fullmatch(path.stem.removeprefix("test_"))]
    classes = [
        f"{name_of(path)}: {node.name}"
        for path in [*SOURCES, *BENCH, *TESTS]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and EMPTY_WORDS.search(node.name)
    ]
    assert files + classes == []


def test_nothing_catches_every_exception() -> None:
    """Tidying up before the same exception goes on is no catching: a handler that ends with a bare `raise`, of BaseException only."""
    found = []
    for path in [*SOURCES, *BENCH, *TESTS]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ExceptHandler):
                caught = {name.id for name in ast.walk(node.type) if isinstance(name, ast.Name)} if node.type else {"everything"}
                goes_on = isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None
                if caught & {"Exception", "everything"} or ("BaseException" in caught and not goes_on):
                    found.append(f"{name_of(path)}:{node.lineno}")
    assert found == []


def attributes_in(path: Path) -> Iterator[tuple[str, int, str]]:
    """(dotted name that is used, line, innermost function around it or "")."""
    whole = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(whole) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    for node in ast.walk(whole):
        if isinstance(node, ast.Attribute):
            around = [outer for outer in functions if outer.lineno <= node.lineno <= (outer.end_lineno or 0)]
            yield ast.unparse(node), node.lineno, max(around, key=lambda outer: outer.lineno).name if around else ""


def test_tests_sleep_only_in_the_loop_that_waits_for_a_claim_or_to_measure() -> None:
    sleeps = {
        (name_of(path), function)
        for path in TESTS
        for called, _, function in attributes_in(path)
        if called in ("time.sleep", "asyncio.sleep")
    }
    assert sleeps <= {("tests/integration/running.py", "wait_for"), ("tests/integration/test_busy.py", "until")}
    assert not [name_of(path) for path in TESTS if {"time.sleep", "asyncio.sleep"} & modules_imported(path)]


def test_tests_neither_skip_nor_patch() -> None:
    marks = re.compile(r"pytest\.((mark\.)?(skip|skipif|xfail|importorskip)|MonkeyPatch)")
    found = [
        f"{name_of(path)}:{line} {called}" for path in TESTS for called, line, _ in attributes_in(path) if marks.fullmatch(called)
    ]
    for path in TESTS:
        imported = modules_imported(path)
        found += [
            f"{name_of(path)} imports {module}"
            for module in imported
            if is_within(module, "unittest.mock") or is_within(module, "mock")
        ]
        found += [
            f"{name_of(path)}:{node.lineno} monkeypatch"
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.arg) and node.arg in ("monkeypatch", "mocker")
        ]
    assert found == []


def test_tree_holds_no_path_and_no_name_of_the_machine_it_was_written_on() -> None:
    homes = re.compile(r"(?<![\w.>*-])/(?:work|root|home/\w+|Users/\w+)/")
    host = os.uname().nodename
    machine = re.compile(rf"\b{re.escape(host)}\b") if len(host) >= 8 else None  # a short name is a common word
    found = []
    for path in tree():
        if path == Path(__file__).resolve():
            continue  # the rule itself
        text = path.read_text(encoding="utf-8", errors="replace")
        found += [f"{name_of(path)}: {match[0]}" for rule in (homes, machine) if rule is not None for match in rule.finditer(text)]
    assert found == []


@pytest.mark.parametrize("document", ["README.md", "env.example"])
def test_document_lists_every_setting(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    assert [row.name for row in SETTINGS if not re.search(rf"\b{row.name}\b", text)] == []


def test_readme_lists_every_channel() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [row.channel_type for row in CHANNELS if f"| `{row.channel_type}` | `{row.event_type}` |" not in text] == []
