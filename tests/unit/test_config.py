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
    "BROKER_URL": "http://secret@a", "BROKER_MANAGEMENT_URL": "amqp://secret@a", "WS_GATEWAY_ACCOUNT": "a b", "WS_GATEWAY_HOST": None, "WS_GATEWAY_PORT": "70000",
    "WS_GATEWAY_API_KEY": "schlüssel", "WS_GATEWAY_VAR_DIR": None, "WS_GATEWAY_BUS_URL": "udp://a:1", "WS_GATEWAY_BUS_KEY": "short-secret",
    "WS_GATEWAY_BUS_ROUTER_KEY": "short", "WS_GATEWAY_BUS_ALLOWED_KEYS": "a,b", "WS_GATEWAY_SPOOL_MAX_BYTES": "2 bananas", "WS_GATEWAY_LOG_LEVEL": "LOUD",
    "WS_GATEWAY_ENABLED_CATEGORIES": "spot,moon", "WS_GATEWAY_DEFAULT_CATEGORY": "moon", "WS_GATEWAY_OPTION_BASE_COINS": "btc",
    "WS_GATEWAY_POLL_SECONDS": "0", "WS_GATEWAY_INCLUDE_RAW": "some", "WS_GATEWAY_BOOK_CONTINUITY": "yes", "WS_GATEWAY_CLASS_QUEUES": "trade,moon",
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


@pytest.mark.parametrize(
    "bad", [" ", "   ", "\t", " key", "key ", "ke\ny", "ke\x7fy", "ke\0y", "schlüssel", "k\N{ZERO WIDTH SPACE}", "k" * 1001]
)
def test_a_key_that_no_header_can_carry_is_refused_and_not_shown(bad: str) -> None:
    with pytest.raises(SettingError) as caught:
        given(WS_GATEWAY_API_KEY=bad)
    assert str(caught.value) == (
        "WS_GATEWAY_API_KEY is a value that cannot be used (not shown: it is a secret); "
        "expected 1 to 1000 visible ASCII characters, with spaces at most between them"
    )


@pytest.mark.parametrize("good", ["", "k", "a b", "!#$%&'()*+,-./:;<=>?@[]^_`{|}~", "k" * 1000])
def test_a_key_that_a_header_can_carry_is_taken_as_it_is(good: str) -> None:
    assert given(WS_GATEWAY_API_KEY=good).admin_key == good


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


def test_a_password_inside_a_url_is_never_shown() -> None:
    for name, url in (
        ("BYBIT_PROXY", "socks5://u:hunter2@a"),
        ("BYBIT_WS_URL", "http://u:hunt//er2@a"),
        ("BYBIT_REST_URL", "//u:hunter2@a"),
    ):
        with pytest.raises(SettingError, match=f"^{name} is .*@a'; expected") as caught:
            given(**{name: url})
        assert "er2" not in str(caught.value)
    with pytest.raises(SettingError, match="^BYBIT_WS_URL is 'ws://…@example.com'"):
        given(BYBIT_API_KEY="k", BYBIT_API_SECRET="s", BYBIT_WS_URL="ws://u:hunter2@example.com")


def test_a_secrets_file_named_in_the_environment_wins_over_the_secret_in_the_dotenv_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from-file")
    (tmp_path / ".env").write_text(f"BROKER_URL=amqp://dotenv\nDATABASE_URL_FILE={tmp_path}/none\n")
    (tmp_path / "broker").write_text("amqp://file")
    settings = load({"BROKER_URL_FILE": str(tmp_path / "broker"), "DATABASE_URL": "postgresql://a"}, tmp_path / ".env")
    assert (settings.broker_url, settings.database_url) == ("amqp://file", "postgresql://a")


def test_an_empty_variable_of_the_environment_is_the_default_whatever_the_dotenv_file_says(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("WS_GATEWAY_PORT=5000\n")
    assert load({"WS_GATEWAY_PORT": ""}, tmp_path / ".env").port == 4400


def test_a_dotenv_file_that_is_no_text_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"WS_GATEWAY_PORT=\xff\n")
    with pytest.raises(SettingError, match="expected lines NAME=value in UTF-8$"):
        load({}, tmp_path / ".env")


@pytest.mark.parametrize("name", [row.name for row in SETTINGS if row.secret])
def test_every_secret_may_stand_in_a_file_and_nothing_else_may(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text("\xff", encoding="latin-1")
    with pytest.raises(SettingError, match=f"^{name}_FILE is .*; expected a file$"):
        given(**{f"{name}_FILE": str(tmp_path / "secret")})
    assert given(WS_GATEWAY_PORT_FILE=str(tmp_path / "secret")).port == 4400


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:p@h:5432/n",
        "postgres://h",
        "postgresql:///n?host=/run",
        "postgresql://[::1]:5432/n",
        "postgresql://u:p%40@a:1,b:2/n",
    ],
)
def test_a_database_url_may_have_any_form_that_postgresql_reads(url: str) -> None:
    assert given(DATABASE_URL=url).database_url == url


@pytest.mark.parametrize(
    "url", ["postgresql://u:hunter2@[::1/n", "postgresql://u:hunter2@h:abc/n", "postgresql://u:hunter2%zz@h/n"]
)
def test_a_database_url_that_postgresql_cannot_read_is_one_sentence_without_the_password(url: str) -> None:
    with pytest.raises(SettingError, match="^DATABASE_URL is a value that cannot be used .*; expected a postgresql:// URL$"):
        given(DATABASE_URL=url)


@pytest.mark.parametrize("value", [",", " , "])
def test_a_list_without_a_category_is_a_mistake(value: str) -> None:
    with pytest.raises(SettingError, match="^WS_GATEWAY_ENABLED_CATEGORIES is .*; expected categories out of"):
        given(WS_GATEWAY_ENABLED_CATEGORIES=value)


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "1e9", "one"])
def test_seconds_are_a_number_within_their_bounds(value: str) -> None:
    with pytest.raises(SettingError, match="^WS_GATEWAY_POLL_SECONDS is .*; expected seconds from 0.05 to 60$"):
        given(WS_GATEWAY_POLL_SECONDS=value)


def test_sizes_have_units() -> None:
    assert [given(WS_GATEWAY_SPOOL_MAX_BYTES=text).spool_max_bytes for text in ("5", "5B", "5KiB", "5 MiB")] == [
        5,
        5,
        5120,
        5 << 20,
    ]


@pytest.mark.parametrize("url", ["ws://127.0.0.1:1/v5", "ws://127.0.0.1:1?x=1", "ws://127.0.0.1:1#x"])
def test_a_base_url_has_nothing_behind_its_host(url: str) -> None:
    assert given(BYBIT_WS_URL="ws://127.0.0.1:1/").ws_url == "ws://127.0.0.1:1"
    with pytest.raises(SettingError, match="without a path"):
        given(BYBIT_WS_URL=url)
