"""The codes of signed answers: each of the exchange's list has a remedy, and what a person must mend has words for that person."""

import pytest

from gateway.protocol.ret_codes import RET_CODES, Remedy, meaning


@pytest.mark.parametrize(
    ("code", "word"),
    [
        (10003, "BYBIT_API_KEY"), (10004, "BYBIT_API_SECRET"), (10005, "permission"), (10007, "login"), (10010, "address"),
        (33004, "expired"), (-2015, "expired"), (401, "BYBIT_API_KEY"),
    ],
)  # fmt: skip
def test_what_a_person_must_mend_is_named(code: int, word: str) -> None:
    assert meaning(code).remedy is Remedy.PERSON
    assert word in meaning(code).words


@pytest.mark.parametrize(
    ("code", "remedy"),
    [(10002, Remedy.CLOCK), (10006, Remedy.WAIT), (429, Remedy.WAIT), (10016, Remedy.AGAIN), (10001, Remedy.NOTHING)],
)
def test_what_helps_by_itself_is_done(code: int, remedy: Remedy) -> None:
    assert meaning(code).remedy is remedy


def test_a_code_that_nobody_has_listed_is_not_asked_again() -> None:
    assert meaning(77_777).remedy is Remedy.NOTHING
    assert "77777" in meaning(77_777).words


def test_words_are_a_sentence_without_its_full_stop() -> None:
    assert not [code for code, found in RET_CODES.items() if found.words[0].isupper() or found.words[-1] == "."]
