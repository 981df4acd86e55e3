from __future__ import annotations

import errno
import io
import ssl
import sys
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, request
from hypothesis import example, given
from hypothesis import strategies as st
from werkzeug.exceptions import (
    ClientDisconnected,
    HTTPException,
    LengthRequired,
    RequestEntityTooLarge,
)

from flask_apierrors._guards.body import BodyStream, content_too_large, open_body

#: What a server that decodes chunks sets.
CHUNKED: dict[str, Any] = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}


class Failing(io.BytesIO):
    """A body that cannot be read after its first bytes."""

    def __init__(self, failure: Exception, start: bytes = b"") -> None:
        super().__init__(start)
        self.failure = failure

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        if not data:
            raise self.failure
        return data


def environ_of(source: io.BytesIO, length: int | None = None, **more: Any) -> dict[str, Any]:
    return {"wsgi.input": source, "CONTENT_LENGTH": "" if length is None else str(length), **more}


def read_all(stream: Any) -> bytes:
    return bytes(stream.read())


def read_pieces(stream: Any) -> bytes:
    return b"".join(iter(lambda: stream.read(7), b""))


def read_lines(stream: Any) -> bytes:
    return b"".join(stream)


def read_buffered(stream: Any) -> bytes:
    return b"".join(io.BufferedReader(stream))


READERS = [read_all, read_pieces, read_lines, read_buffered]


# -- a body is whole, or refused


@given(
    st.binary(max_size=60) | st.text("ab\n", max_size=60).map(str.encode),
    st.none() | st.integers(0, 70),
    st.none() | st.integers(0, 70),
    st.booleans(),
    st.sampled_from(READERS),
)
@example(b"a" * 10, 10, 10, False, read_pieces)
@example(b"a" * 14, 14, 14, True, read_pieces)
@example(b"a" * 11, None, 10, True, read_all)
def test_a_body_is_read_whole_or_refused(
    body: bytes,
    length: int | None,
    limit: int | None,
    is_terminated: bool,
    read: Callable[[Any], bytes],
) -> None:
    following = b"" if is_terminated else b"GET /next HTTP/1.1"
    more = {"wsgi.input_terminated": True} if is_terminated else {}
    environ = environ_of(io.BytesIO(body + following), length, **more)
    is_short = length is not None and len(body) < length
    if not is_terminated:
        body = (body + following)[: length or 0]
        is_short = len(body) < (length or 0)
    is_over = limit is not None and max(len(body), length or 0) > limit
    try:
        data = read(open_body(environ, limit))
    except RequestEntityTooLarge:
        assert is_over
    except ClientDisconnected:
        assert is_short
    else:
        assert data == body
        assert not is_over
        assert not is_short


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("size", [9, 10, 11, 200_000])
def test_a_chunked_body_over_the_limit_is_a_413_whoever_reads_it(
    read: Callable[[Any], bytes], size: int
) -> None:
    stream = open_body(environ_of(io.BytesIO(b"a" * size), **CHUNKED), 10)
    if size <= 10:
        assert read(stream) == b"a" * size
        return
    with pytest.raises(RequestEntityTooLarge) as caught:
        read(stream)
    assert str(caught.value.description) == "The request body is larger than 10 bytes."
    with pytest.raises(RequestEntityTooLarge):
        stream.read()


def test_no_more_than_one_byte_over_the_limit_is_asked_for() -> None:
    source = io.BytesIO(b"a" * 1_000)
    with pytest.raises(RequestEntityTooLarge):
        open_body(environ_of(source, **CHUNKED), 10).read()
    assert source.tell() == 11


def test_a_body_is_not_read_past_its_length() -> None:
    source = io.BytesIO(b"abcGET / HTTP/1.1\n")
    stream = open_body(environ_of(source, 3), 10)
    assert (stream.read(), stream.read(5), stream.readline(), source.tell()) == (
        b"abc",
        b"",
        b"",
        3,
    )


def test_a_source_that_returns_more_than_it_was_asked_for_is_not_read_on() -> None:
    class Generous(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            assert size is not None
            assert size > 0
            return b"abcdef"

    assert open_body(environ_of(Generous(), 3), 10).read() == b"abcdef"


def test_nothing_read_is_nothing_missing() -> None:
    stream = open_body(environ_of(io.BytesIO(), 3), None)
    assert (stream.read(0), stream.tell()) == (b"", 0)


def test_the_body_announces_more_than_the_limit() -> None:
    with pytest.raises(RequestEntityTooLarge):
        open_body(environ_of(io.BytesIO(), 11), 10)


def test_a_request_without_a_body_has_an_empty_one() -> None:
    for more in ({}, {"wsgi.input_terminated": True}, {"wsgi.input_terminated": False}):
        assert open_body(environ_of(io.BytesIO(), **more), 10).read() == b""
    assert open_body({"wsgi.input": io.BytesIO(b"GET / HTTP/1.1")}, None).read() == b""


def test_a_chunked_body_that_the_server_does_not_decode_is_a_411() -> None:
    for more in ({}, {"wsgi.input_terminated": False}):
        environ = environ_of(io.BytesIO(b"3\r\nabc\r\n"), HTTP_TRANSFER_ENCODING="chunked", **more)
        for limit in (None, 10):
            with pytest.raises(LengthRequired) as caught:
                open_body(environ, limit)
    assert str(caught.value.description) == (
        "The server cannot read a chunked body. Send a Content-Length header."
    )


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("more", [{}, {"wsgi.input_terminated": True}])
def test_a_body_shorter_than_announced_is_a_400(
    read: Callable[[Any], bytes], more: dict[str, Any]
) -> None:
    with pytest.raises(ClientDisconnected) as caught:
        read(open_body(environ_of(io.BytesIO(b"abc"), 4, **more), 10))
    assert str(caught.value.description) == ("The request body is shorter than its Content-Length.")


def test_a_body_that_a_middleware_decompressed_may_be_shorter_or_longer() -> None:
    more = {"wsgi.input_terminated": True, "HTTP_CONTENT_ENCODING": "gzip"}
    for body in (b"{}", b"a" * 100):
        assert open_body(environ_of(io.BytesIO(body), 22, **more), 100).read() == body
    with pytest.raises(RequestEntityTooLarge):
        open_body(environ_of(io.BytesIO(b"a" * 101), 22, **more), 100).read()


def test_a_line_is_read_up_to_its_end_or_the_size() -> None:
    stream = open_body(environ_of(io.BytesIO(b"ab\ncd\nef"), **CHUNKED), 10)
    assert (stream.readline(1), stream.readline(), stream.readline(None)) == (b"a", b"b\n", b"cd\n")
    assert (stream.readlines(), stream.tell()) == ([b"ef"], 8)


# -- whose fault it is

CLIENT_FAILURES = [
    OSError("Invalid chunk header"),
    ValueError("invalid literal for int() with base 16: b'zz'"),
    ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"),
    BrokenPipeError(errno.EPIPE, "Broken pipe"),
    TimeoutError("timed out"),
    ssl.SSLError(1, "[SSL] record layer failure"),
    EOFError("Compressed file ended before the end-of-stream marker was reached"),
    zlib.error("Error -3 while decompressing data"),
]
SERVER_FAILURES = [
    MemoryError(),
    AttributeError("'NoneType' object has no attribute 'read'"),
    TypeError("a bug in a middleware"),
    OSError(errno.ENOSPC, "No space left on device"),
    OSError(errno.EMFILE, "Too many open files"),
    PermissionError(errno.EACCES, "Permission denied"),
    FileNotFoundError(errno.ENOENT, "No usable temporary directory found"),
]


@pytest.mark.parametrize("failure", CLIENT_FAILURES, ids=repr)
@pytest.mark.parametrize("read", READERS)
def test_a_failure_of_the_connection_is_a_400(
    failure: Exception, read: Callable[[Any], bytes]
) -> None:
    class FailingLines(Failing):
        def readline(self, size: int | None = -1) -> bytes:
            return self.read(size)

    with pytest.raises(ClientDisconnected) as caught:
        read(open_body(environ_of(FailingLines(failure, b"ab"), **CHUNKED), 10))
    assert str(caught.value.description) == "The request body could not be read to its end."
    assert caught.value.__cause__ is failure


@pytest.mark.parametrize("failure", SERVER_FAILURES, ids=repr)
def test_a_failure_of_the_server_is_not_the_clients_mistake(failure: Exception) -> None:
    with pytest.raises(type(failure)) as caught:
        open_body(environ_of(Failing(failure, b"ab"), **CHUNKED), 10).read()
    assert caught.value is failure


@pytest.mark.parametrize("failure", SERVER_FAILURES, ids=repr)
@pytest.mark.parametrize(
    "content_type", ["application/json", "application/x-www-form-urlencoded", "text/plain"]
)
def test_a_body_that_the_server_cannot_read_is_a_logged_500(
    make_app: Callable[..., Flask],
    caplog: pytest.LogCaptureFixture,
    content_type: str,
    failure: Exception,
) -> None:
    app = make_app()

    @app.post("/")
    def read() -> str:
        return str(request.get_json() if request.is_json else request.form or request.data)

    options = {"wsgi.input": Failing(failure), "CONTENT_LENGTH": "9"}
    response = app.test_client().post("/", content_type=content_type, environ_overrides=options)
    assert response.status_code == 500
    assert [record.exc_info and record.exc_info[1] for record in caplog.records] == [failure]


def test_a_refusal_by_a_middleware_passes() -> None:
    refusal = HTTPException("My text.")
    with pytest.raises(HTTPException) as caught:
        open_body(environ_of(Failing(refusal), **CHUNKED), 10).read()
    assert caught.value is refusal


# -- the stream itself


def test_a_stream_without_a_limit_is_read_to_its_end() -> None:
    stream = BodyStream(io.BytesIO(b"a" * 200_000), None, None)
    assert (len(stream.read(None)), stream.limit) == (200_000, sys.maxsize)
    assert BodyStream(io.BytesIO(b"ab"), None, None).exhaust() == b"ab"


def test_the_413_is_of_werkzeugs_class() -> None:
    assert isinstance(content_too_large(10), RequestEntityTooLarge)
