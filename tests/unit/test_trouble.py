"""Trouble that lasts is logged once for each kind, and again when it comes back."""

import logging

import pytest

from gateway.trouble import Trouble


def test_trouble_is_said_once_a_kind_and_again_after_it_was_over(caplog: pytest.LogCaptureFixture) -> None:
    trouble = Trouble(logging.getLogger("test"), "book not_fetched")
    assert not trouble.over()
    for reason in ("away", "away", "refused", "refused"):
        trouble.say(reason)
    assert [trouble.over(), trouble.over()] == [True, False]
    trouble.say("refused")
    assert caplog.messages == [f"book not_fetched reason={reason}" for reason in ("away", "refused", "refused")]
