"""docs/SECURITY.md: the gateway signs GET calls alone, and those that the page names; its secrets are those of the settings."""

import ast
import re
from pathlib import Path
from tempfile import TemporaryDirectory

from api import access
from api.app import create_app
from gateway import config
from gateway.config import SETTINGS
from tests.pages import ROOT, read, section

PAGE = "docs/SECURITY.md"
SOURCES = sorted(path for folder in ("gateway", "workers", "api") for path in (ROOT / folder).rglob("*.py"))


def texts(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_every_signed_call_of_the_code_is_named() -> None:
    paths = {found for path in SOURCES for text in texts(path) for found in re.findall(r"^/v5/[\w/-]+$", text)}
    of_the_account = {
        path for path in paths if re.match(r"/v5/(account|asset|execution|order|position|user|spread/(execution|order))/", path)
    }
    streams = {path for path in paths if re.match(r"/v5/(public/|private$)", path)}
    public = {path for path in paths if re.match(r"/v5/(market/|spread/(instrument|orderbook|recent-trade)|system/)", path)}
    assert paths == of_the_account | streams | public
    unasked = {"/v5/asset/coin-greeks"}  # how an answer would be read; nobody asks
    assert of_the_account - unasked == set(
        re.findall(r"`(/v5/[\w/-]+)` ?[,|]", section(PAGE, "The exchange's key").replace("`,", "` ,"))
    )


def test_nothing_but_get_is_sent_to_the_exchange() -> None:
    verbs = {
        (path.relative_to(ROOT).as_posix(), text)
        for path in SOURCES
        if path.parts[-2] != "api"
        for text in texts(path) & {"POST", "PUT", "DELETE", "PATCH"}
    }
    assert verbs == set()
    assert "GET" in texts(ROOT / "gateway" / "exchange" / "calls.py")


def test_every_path_that_is_open_is_named_and_no_other() -> None:
    with TemporaryDirectory() as folder:
        app = create_app(config.load({"WS_GATEWAY_VAR_DIR": folder, "WS_GATEWAY_API_KEY": "none"}, Path(folder) / "none"))
    paths = {rule.rule for rule in app.url_map.iter_rules()}
    cells = [row.split(" | ")[0] for row in section(PAGE, "Keys of the control API").partition("The key goes")[0].splitlines()]
    named = [name for cell in cells if cell.startswith("| `") for name in re.findall(r"`([^`]+)`", cell)]

    def is_named(path: str) -> bool:
        bare = path.removeprefix("/api/v1")
        return any(bare.startswith(name[:-1]) if name.endswith("*") else bare == name for name in named)

    assert {"/", "/metrics"} <= set(named)
    assert [path for path in paths if is_named(path) != bool(access.OPEN.fullmatch(path))] == []


def test_the_proxy_does_not_forward_the_metrics() -> None:
    assert "location = /metrics { return 404; }" in section(PAGE, "TLS")


def test_every_secret_setting_is_named() -> None:
    line = next(line for line in read(PAGE).splitlines() if line.startswith("Each of these may be given as `NAME_FILE`"))
    assert set(re.findall(r"`(\w+)`", line)) - {"NAME_FILE"} == {row.name for row in SETTINGS if row.secret}
