"""Settings: read from the environment and .env, and a bad one is one sentence."""

from pathlib import Path

import pytest

from gateway.config import SETTINGS, Settings, load, require
from gateway.errors import SettingError

NONE = Path("/nonexistent/.env")

#: A value that each setting refuses; None: it takes any text.
BAD: dict[str, str | None] = {
    "BYBIT_ENVIRONMENT": "moon", "BYBIT_REGION": "xx", "BYBIT_API_KEY": None, "BYBIT_API_SECRET": None, "BYBIT_WS_URL": "http://a",
    "BYBIT_REST_URL": "ws://a", "BYBIT_CA_FILE": "/nonexistent/ca.pem", "BYBIT_PROXY": "socks4://a", "DATABASE_URL": "mysql://secret@a",
    "BROKER_URL": "http://secret@a", "WS_GATEWAY_ACCOUNT": "a b", "WS_GATEWAY_HOST": None, "WS_GATEWAY_PORT": "70000",
    "WS_GATEWAY_API_KEY": None, "WS_GATEWAY_VAR_DIR": None, "WS_GATEWAY_SPOOL_MAX_BYTES": "2 bananas", "WS_GATEWAY_LOG_LEVEL": "LOUD",
    "WS_GATEWAY_ENABLED_CATEGORIES": "spot,moon", "WS_GATEWAY_DEFAULT_CATEGORY": "moon", "WS_GATEWAY_OPTION_BASE_COINS": "btc",
    "WS_GATEWAY_POLL_SECONDS": "0", "WS_GATEWAY_INCLUDE_RAW": "some", "WS_GATEWAY_CLASS_QUEUES": "trade,moon",
    "WS_GATEWAY_QUEUE_TYPE": "mirrored", "WS_GATEWAY_QUEUE_TTL_MS": "0", "WS_GATEWAY_QUEUE_MAX_LENGTH": "-1",
    "WS_GATEWAY_BALANCE_RETENTION_DAYS": "1.5", "WS_GATEWAY_RECORDS_RETENTION_DAYS": "0",
}  # fmt: skip


def given(**environ: str) -> Settings:
    return load(environ, NONE)


def test_every_setting_of_the_contract_is_tried_here() -> None:
    assert set(BAD) == {row.name for row in SETTINGS}


def test_without_any_setting_the_defaults_hold() -> None:
    settings = given()
    assert (settings.environment, settings.port, settings.account, settings.queue_type) == ("mainnet", 4400, "main", "classic")
    assert (settings.queue_ttl_ms, settings.queue_max_length, settings.spool_max_bytes) == (86_400_000, 100_000, 2 << 30)
    assert settings.enabled_categories == ("spot", "linear", "inverse", "option", "spread")
    assert settings.websocket_base(private=True) == "wss://stream.bybit.com"
    assert settings.var_dir.is_absolute()


@pytest.mark.parametrize(("name", "bad"), [(name, bad) for name, bad in BAD.items() if bad is not None])
def test_a_bad_value_is_one_sentence_with_the_variable_what_was_found_and_what_was_expected(name: str, bad: str) -> None:
    with pytest.raises(SettingError) as caught:
        given(**{name: bad})
    sentence = str(caught.value)
    assert sentence.startswith(f"{name} is ")
    assert "; expected " in sentence
    assert "\n" not in sentence
    secret = next(row.secret for row in SETTINGS if row.name == name)
    assert (bad in sentence) is not secret


def test_demo_uses_the_demo_hosts_for_private_and_rest_and_mainnet_for_public() -> None:
    settings = given(BYBIT_ENVIRONMENT="demo")
    assert settings.websocket_base(private=True) == "wss://stream-demo.bybit.com"
    assert settings.websocket_base(private=False) == "wss://stream.bybit.com"
    assert settings.rest_base == "https://api-demo.bybit.com"


def test_a_region_has_its_own_hosts_on_mainnet_only() -> None:
    assert given(BYBIT_REGION="tr").websocket_base(private=False) == "wss://stream.bybit.tr"
    with pytest.raises(SettingError, match="expected mainnet"):
        given(BYBIT_REGION="tr", BYBIT_ENVIRONMENT="testnet")


def test_a_secret_may_stand_in_a_file_and_the_variable_itself_wins(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("from-file\n")
    assert given(BYBIT_API_KEY="key", BYBIT_API_SECRET_FILE=str(file)).api_secret == "from-file"
    assert given(BYBIT_API_KEY="key", BYBIT_API_SECRET_FILE=str(file), BYBIT_API_SECRET="direct").api_secret == "direct"
    with pytest.raises(SettingError, match="^BYBIT_API_SECRET_FILE is .*; expected a file$"):
        given(BYBIT_API_SECRET_FILE=str(tmp_path / "none"))


def test_the_environment_wins_over_the_dotenv_file(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("WS_GATEWAY_PORT=5000\nWS_GATEWAY_ACCOUNT=file\n")
    settings = load({"WS_GATEWAY_ACCOUNT": "environment"}, dotenv)
    assert (settings.port, settings.account) == (5000, "environment")


def test_credentials_go_over_encrypted_lines_only_but_for_loopback() -> None:
    keys = {"BYBIT_API_KEY": "k", "BYBIT_API_SECRET": "s"}
    for url in ("ws://127.0.0.1:1", "ws://localhost:1", "ws://[::1]:1", "wss://example.com"):
        assert given(**keys, BYBIT_WS_URL=url).ws_url == url
    with pytest.raises(SettingError, match="^BYBIT_WS_URL is .*expected wss"):
        given(**keys, BYBIT_WS_URL="ws://example.com")
    with pytest.raises(SettingError, match="^BYBIT_REST_URL is .*expected wss"):
        given(**keys, BYBIT_REST_URL="http://10.0.0.1")
    assert given(BYBIT_WS_URL="ws://example.com").ws_url == "ws://example.com"


def test_half_a_pair_of_credentials_is_a_mistake() -> None:
    with pytest.raises(SettingError, match="^BYBIT_API_SECRET is empty"):
        given(BYBIT_API_KEY="k")


def test_a_process_can_require_what_defaults_to_nothing() -> None:
    require(given(DATABASE_URL="postgresql://a"), "DATABASE_URL")
    with pytest.raises(SettingError, match="^BROKER_URL is empty; expected an amqp"):
        require(given(DATABASE_URL="postgresql://a"), "DATABASE_URL", "BROKER_URL")


def test_sizes_have_units() -> None:
    assert [given(WS_GATEWAY_SPOOL_MAX_BYTES=text).spool_max_bytes for text in ("5", "5B", "5KiB", "5 MiB")] == [
        5,
        5,
        5120,
        5 << 20,
    ]
