"""The administrator's key: made once, kept closed, the same for all who start at once."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway.errors import SettingError
from gateway.keys import admin_key, is_admin


def test_a_given_key_is_used_and_nothing_is_written(tmp_path: Path) -> None:
    assert admin_key("given", tmp_path) == "given"
    assert not list(tmp_path.iterdir())


def test_a_key_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    key = admin_key("", tmp_path / "var")
    assert admin_key("", tmp_path / "var") == key
    assert len(key) >= 32
    assert stat.S_IMODE((tmp_path / "var" / "api_key").stat().st_mode) == 0o600
    assert [entry.name for entry in (tmp_path / "var").iterdir()] == ["api_key"]


def test_all_who_start_at_once_get_the_same_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(lambda _: admin_key("", tmp_path), range(8)))) == 1


def test_a_key_file_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "api_key").mkdir()
    with pytest.raises(SettingError, match="expected a file with the API key"):
        admin_key("", tmp_path)


def test_an_empty_key_file_is_a_mistake_and_opens_nothing(tmp_path: Path) -> None:
    (tmp_path / "api_key").write_text("\n")
    with pytest.raises(SettingError, match="api_key is empty; expected a file with the API key, or WS_GATEWAY_API_KEY$"):
        admin_key("", tmp_path)


def test_only_the_key_itself_is_the_key() -> None:
    assert is_admin("key", "key")
    assert not any(is_admin(offered, "key") for offered in ("", "Key", "key ", "ke", "schlüssel"))
