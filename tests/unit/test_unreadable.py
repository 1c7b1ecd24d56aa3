"""What is said of requests that cannot be read: of each fault that gunicorn finds, its own words, and of each status its own code."""

from http import HTTPStatus

import pytest
from gunicorn.http import errors as faults

from api import errors
from api.unreadable import answer_of
from api.worker import OUR_FAULT

#: Fault → status and how the answer begins. All that a request over HTTP/1.1 without the PROXY protocol can lead to.
FAULTS: list[tuple[faults.ParseException, int, str]] = [
    (faults.LimitRequestLine(9000, 8190), 414, "found a longer request line"),
    (faults.LimitRequestHeaders("secret"), 431, "found longer or more headers"),
    (faults.ExpectationFailed("secret"), 417, "found an expectation"),
    (faults.UnsupportedTransferCoding("secret"), 501, "found a transfer coding"),
    (faults.InvalidRequestMethod("secret"), 400, "found a request line whose method is none"),
    (faults.InvalidHTTPVersion("secret"), 400, "found another version of HTTP"),
    (faults.InvalidRequestLine("secret"), 400, "found a request line that cannot be read"),
    (faults.ObsoleteFolding("secret"), 400, "found a header that goes on in a second line"),
    (faults.InvalidHeaderName("secret"), 400, "found a header whose name is none"),
    (faults.InvalidHeader("secret"), 400, "found a header that cannot be read"),
    (faults.InvalidChunkSize(b"secret"), 400, "found a chunk of the body whose size is no number"),
    (faults.InvalidChunkExtension("secret"), 400, "found a chunk of the body with an extension"),
    (faults.ChunkMissingTerminator(b"secret"), 400, "found a chunk of the body that does not end where it said"),
    (faults.InvalidSchemeHeaders(), 400, "found a request that cannot be read"),
]


@pytest.mark.parametrize(("fault", "status", "words"), FAULTS, ids=lambda value: type(value).__name__)
def test_each_fault_has_its_status_and_words_of_its_own_that_repeat_nothing(
    fault: faults.ParseException, status: int, words: str
) -> None:
    found, said = answer_of(fault)
    assert (found, said.startswith(words)) == (status, True), said
    assert "; expected " in said
    assert "secret" not in said
    assert not isinstance(fault, OUR_FAULT)


def test_each_status_of_an_error_has_a_word_of_its_own() -> None:
    codes = [errors.shape(status, "words")["code"] for status in HTTPStatus if status >= 400]
    assert len(set(codes)) == len(codes)
    assert "ERROR" not in codes
