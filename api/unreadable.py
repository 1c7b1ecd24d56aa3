"""Requests that cannot be read: what gunicorn found wrong → the status and the words of the answer, which repeat nothing of the request."""

from http import HTTPStatus

from gunicorn.http import errors

#: The most specific first.
WORDS: tuple[tuple[type[errors.ParseException], HTTPStatus, str], ...] = (
    (errors.LimitRequestLine, HTTPStatus.REQUEST_URI_TOO_LONG, "found a longer request line; expected at most 8190 bytes"),
    (
        errors.LimitRequestHeaders,
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        "found longer or more headers; expected lines of at most 8190 bytes, and at most 100 of them",
    ),
    (
        errors.ExpectationFailed,
        HTTPStatus.EXPECTATION_FAILED,
        "found an expectation that cannot be met; expected the header Expect only as 100-continue",
    ),
    (
        errors.UnsupportedTransferCoding,
        HTTPStatus.NOT_IMPLEMENTED,
        "found a transfer coding that is not known; expected the header Transfer-Encoding only as chunked",
    ),
    (errors.InvalidRequestMethod, HTTPStatus.BAD_REQUEST, "found a request line whose method is none; expected one such as GET"),
    (errors.InvalidHTTPVersion, HTTPStatus.BAD_REQUEST, "found another version of HTTP; expected HTTP/1.1"),
    (errors.InvalidRequestLine, HTTPStatus.BAD_REQUEST, "found a request line that cannot be read; expected METHOD PATH HTTP/1.1"),
    (errors.ObsoleteFolding, HTTPStatus.BAD_REQUEST, "found a header that goes on in a second line; expected it in one"),
    (errors.InvalidHeaderName, HTTPStatus.BAD_REQUEST, "found a header whose name is none; expected lines NAME: VALUE"),
    (
        errors.InvalidHeader,
        HTTPStatus.BAD_REQUEST,
        "found a header that cannot be read, or does not fit the others; expected lines NAME: VALUE",
    ),
    (
        errors.InvalidChunkSize,
        HTTPStatus.BAD_REQUEST,
        "found a chunk of the body whose size is no number; expected its bytes in hexadecimal digits",
    ),
    (
        errors.InvalidChunkExtension,
        HTTPStatus.BAD_REQUEST,
        "found a chunk of the body with an extension that cannot be read; expected none",
    ),
    (
        errors.ChunkMissingTerminator,
        HTTPStatus.BAD_REQUEST,
        "found a chunk of the body that does not end where it said; expected a line's end there",
    ),
    (errors.ParseException, HTTPStatus.BAD_REQUEST, "found a request that cannot be read; expected HTTP/1.1"),
)


def answer_of(fault: errors.ParseException) -> tuple[HTTPStatus, str]:
    """Status and words."""
    return next((status, words) for kind, status, words in WORDS if isinstance(fault, kind))
