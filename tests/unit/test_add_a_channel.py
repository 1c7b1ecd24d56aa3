"""docs/ADD_A_CHANNEL.md: its example is the code's own, and its blocks alone make another channel in a copy of the project."""

import ast
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pages import ROOT, blocks

PAGE = "docs/ADD_A_CHANNEL.md"
TABLE = "gateway/protocol/channels/table.py"
#: The example's words → those of the made-up channel.
MADE_UP = {"allLiquidation": "whaleAlert", "liquidation": "whale"}


def renamed(text: str) -> str:
    for word, other in MADE_UP.items():
        text = text.replace(word, other)
    return text


def example() -> tuple[str, str, str]:
    """Golden frame, file and row of the page."""
    [golden] = [block.text for block in blocks(PAGE, "json")]
    file, row = [block.text for block in blocks(PAGE, "python")]
    return golden, file, ast.unparse(ast.parse(row).body[0]).strip("()").rstrip(",")


def without_words(code: str) -> str:
    """Code without docstrings."""
    tree = ast.parse(code)
    tree.body = [node for node in tree.body if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))]
    return ast.unparse(tree)


def test_the_example_is_the_code_s_own() -> None:
    golden, file, row = example()
    assert json.loads(golden) == json.loads((ROOT / "tests/frames/liquidation/all_liquidation.json").read_bytes())
    assert without_words(file) == without_words((ROOT / "gateway/protocol/channels/liquidation.py").read_text())
    table = ast.unparse(ast.parse((ROOT / TABLE).read_text())).replace("_CONTRACTS", "('linear', 'inverse')")
    assert row.removesuffix(")") in table


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The project with a channel that is made of the page's blocks in other words; its identity is left empty, as the page says."""
    for name in ("gateway", "workers", "api", "cli", "simulator", "migrations", "tests", "docs", "bench"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("README.md", "CHANGELOG.md", "env.example", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    golden, file, row = map(renamed, example())
    frames = tmp_path / "tests" / "frames" / "whale"
    frames.mkdir()
    for category in ("linear", "inverse"):
        case = json.loads(golden.replace('"linear"', f'"{category}"'))
        case["expected"][0]["identity"] = ""
        (frames / f"{category}.json").write_text(json.dumps(case))
    (tmp_path / "gateway/protocol/channels/whale.py").write_text(file)
    table = (tmp_path / TABLE).read_text()
    table = table.replace("    trades,\n)", "    trades,\n    whale,\n)", 1)
    begin = table.index("\nCHANNELS")
    end = table.index("\n)", begin)
    (tmp_path / TABLE).write_text(f"{table[:end]}\n    {row},{table[end:]}")
    return tmp_path


def run(copy: Path, *arguments: str) -> str:
    """What a command of the page prints."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=copy, env={"PYTHONPATH": str(copy), "HOME": str(copy)},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=300,
    )  # fmt: skip
    return done.stdout


@pytest.mark.timeout(600)
def test_a_made_up_channel_comes_from_the_page_alone(copy: Path) -> None:
    channels = ("pytest", "-q", "-p", "no:cacheprovider", "-k", "whale", "tests/unit/test_channels.py", "tests/unit/test_frames.py")
    said = run(copy, *channels)
    assert "2 failed" in said, said
    for category in ("linear", "inverse"):  # the difference is the one word that is to be taken over
        [identity] = set(re.findall(rf"'identity': '(whale\|{category}\|[^']+)'", said))
        path = copy / "tests" / "frames" / "whale" / f"{category}.json"
        path.write_text(path.read_text().replace('"identity": ""', f'"identity": "{identity}"'))
    assert "docs/schemas/whale.json" in run(copy, "cli.docs")
    (copy / "docs" / "openapi.json").write_text(run(copy, "api.openapi"))
    schemas = (*channels[:4], "-k", "whale or of_no_other or every_class or meanings", "tests/unit/test_schemas.py")
    for those in (channels, schemas, (*channels[:4], "tests/unit/test_docs.py")):
        said = run(copy, *those)
        assert re.search(r"^\d+ passed", said, re.MULTILINE), said
    assert "| `whale` | `whale` | `whaleAlert.{symbol}`: linear, inverse |" in (copy / "README.md").read_text()
    assert "whale" in (copy / "docs" / "openapi.json").read_text()
