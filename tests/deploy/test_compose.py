"""docker-compose.yml: valid by compose's own schema, and as a person on call would want it; the secrets that it reads are made."""

import json
import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from gateway import config
from tests.deploy import compose, recipe
from tests.integration.running import ROOT

#: The official schema; where it comes from is in docs/SOURCES.md.
OFFICIAL = ROOT / "tests" / "data" / "compose-spec.json"
WHOLE = compose.read()
SERVICES: dict[str, dict[str, Any]] = WHOLE["services"]
#: They run as long as the gateway does; `reader` ends when its work is done.
LASTING = {name: service for name, service in SERVICES.items() if name != "reader"}
#: The settings that a container must have as they are, whatever .env says; the management interface's URL has no password in it here.
FIXED = {"BROKER_MANAGEMENT_URL", "WS_GATEWAY_HOST", "WS_GATEWAY_PORT", "WS_GATEWAY_VAR_DIR", "BYBIT_ENVIRONMENT"}


@pytest.fixture(scope="module")
def official() -> Draft7Validator:
    return Draft7Validator(json.loads(OFFICIAL.read_bytes()))


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    make_secrets(tmp_path / "secrets")
    return tmp_path / "secrets"


def make_secrets(folder: Path, *words: str) -> str:
    command = ["sh", str(ROOT / "deploy" / "secrets.sh"), *words, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def sources(service: dict[str, Any]) -> list[str]:
    """What its volumes are: names of volumes, and paths of this project."""
    return [text.partition(":")[0] for text in service.get("volumes", [])]


def test_file_is_valid_by_the_official_schema(official: Draft7Validator) -> None:
    assert [fault.message for fault in official.iter_errors(WHOLE)] == []


@pytest.mark.parametrize(
    ("place", "wrong"),
    [("restart", 5), ("stop_grace_period", {}), ("volumes", "gateway"), ("restrat", "always"), ("read_only", [])],
)
def test_official_schema_would_find_a_fault(official: Draft7Validator, place: str, wrong: Any) -> None:
    broken = json.loads(json.dumps(WHOLE))
    broken["services"]["gateway"][place] = wrong
    assert list(official.iter_errors(broken))


@pytest.mark.parametrize("name", SERVICES)
def test_service_is_pinned_bounded_started_again_and_without_new_rights(name: str) -> None:
    service = SERVICES[name]
    assert recipe.EXACT.fullmatch(service["image"]), service["image"]
    assert service["restart"] in ("unless-stopped", "on-failure")
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["logging"]["options"]["max-size"]


def test_gateway_is_as_the_image_expects_it() -> None:
    gateway = SERVICES["gateway"]
    assert gateway["stop_grace_period"] == "30s"
    assert gateway["read_only"] is True
    assert gateway["cap_drop"] == ["ALL"]
    assert [text.partition(":")[0] for text in gateway["tmpfs"]] == ["/tmp"]  # noqa: S108 # a mount in the container
    assert "gateway:/app/var" in gateway["volumes"]
    assert SERVICES["simulator"]["profiles"] == ["simulator"]
    assert SERVICES["simulator"]["network_mode"] == "service:gateway", "credentials go over ws:// to loopback only"


def test_every_secret_setting_of_the_gateway_comes_from_a_file() -> None:
    environment = SERVICES["gateway"]["environment"]
    secret = {f"{row.name}_FILE" for row in config.SETTINGS if row.secret and row.name not in FIXED}
    assert set(environment) == secret | FIXED
    for name in secret:
        assert environment[name] == f"/run/secrets/{environment[name].rpartition('/')[2]}"
        assert environment[name].rpartition("/")[2] in SERVICES["gateway"]["secrets"]


def test_no_password_is_written_down() -> None:
    for name, service in SERVICES.items():
        given = service.get("environment", {})
        assert not [key for key in given if re.search("PASSWORD|SECRET|KEY", key) and not key.endswith("_FILE")], name


def test_everything_that_is_named_exists() -> None:
    for name, service in SERVICES.items():
        for source in sources(service):
            assert source in WHOLE["volumes"] or (ROOT / source).exists(), f"{name}: {source}"
        assert set(service.get("secrets", [])) <= set(WHOLE["secrets"]), name
        assert set(service.get("networks", [])) <= set(WHOLE["networks"]), name
        assert set(service.get("depends_on", [])) <= set(SERVICES), name
    used = {source for service in SERVICES.values() for source in sources(service)}
    assert set(WHOLE["volumes"]) <= used


def test_nothing_listens_beyond_this_machine() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(published) == 5
    assert [port for port in published if not port.startswith("127.0.0.1:")] == []
    assert SERVICES["postgres"]["networks"] == ["inside"]
    assert WHOLE["networks"]["inside"]["internal"] is True


@pytest.mark.parametrize("name", [name for name in LASTING if name not in ("gateway", "simulator")])
def test_lasting_service_says_whether_it_lives(name: str) -> None:
    assert LASTING[name]["healthcheck"]["test"][0] == "CMD"


def test_every_secret_is_made_once(secrets: Path) -> None:
    assert {f"deploy/secrets/{path.name}" for path in secrets.iterdir()} >= {row["file"] for row in WHOLE["secrets"].values()}
    before = {path.name: path.read_bytes() for path in secrets.iterdir()}
    assert make_secrets(secrets) == ""
    assert {path.name: path.read_bytes() for path in secrets.iterdir()} == before
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in secrets.iterdir()} == {0o444}
    assert len({before[name] for name in before if name.endswith("password")}) == 5, "one password for each"


def test_gateway_takes_its_settings_from_those_files(secrets: Path) -> None:
    environment = {name: value.replace("/run/secrets", str(secrets)) for name, value in SERVICES["gateway"]["environment"].items()}
    settings = config.load(environment, dotenv=secrets / "none")
    assert settings.database_url == (secrets / "database_url").read_text()
    assert settings.broker_url == (secrets / "broker_url").read_text().rstrip("/")
    assert settings.admin_key == (secrets / "api_key").read_text()
    assert not settings.has_credentials, "empty until somebody fills them in"


def test_simulators_key_pair_is_the_simulators(tmp_path: Path) -> None:
    make_secrets(tmp_path / "made", "--simulator")
    words = (ROOT / "simulator" / "exchange.py").read_text()
    for name in ("bybit_api_key", "bybit_api_secret"):
        assert f'"{(tmp_path / "made" / name).read_text()}"' in words
    assert (
        compose.read({"BYBIT_ENVIRONMENT": "simulator"})["services"]["gateway"]["environment"]["BYBIT_ENVIRONMENT"] == "simulator"
    )


def test_brokers_definitions_have_the_made_passwords_and_no_placeholder(secrets: Path) -> None:
    text = (secrets / "broker_definitions.json").read_text()
    assert "@" not in text
    passwords = {user["name"]: user["password"] for user in json.loads(text)["users"]}
    assert passwords["ws-gateway"] == (secrets / "broker_password").read_text()
    assert f"ws-gateway:{passwords['ws-gateway']}@rabbitmq:5672" in (secrets / "broker_url").read_text()
