"""The body of a request: read to its end, or refused. It is never cut."""

from __future__ import annotations

import errno
import io
import sys
import zlib
from collections.abc import Callable
from functools import partial
from typing import IO, TYPE_CHECKING, Any

from werkzeug.exceptions import ClientDisconnected
from werkzeug.wsgi import LimitedStream, get_content_length

from .._core.errors import ApiError
from .._core.sentences import Sentence
from .._libraries.gunicorn import body_errors

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_PIECE = 64 * 1024
#: What a connection, a server's decoder of chunks, or a middleware that decompresses the body
#: raises because of what the client sent.
_CLIENT_ERRORS = (OSError, ValueError, EOFError, zlib.error)
#: What a plain ``OSError`` has if the server cannot buffer the body, such as on a full disk.
_SERVER_ERRNOS = frozenset(
    {
        errno.EACCES,
        errno.EDQUOT,
        errno.EIO,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOENT,
        errno.ENOMEM,
        errno.ENOSPC,
        errno.EPERM,
        errno.EROFS,
    }
)


def open_body(environ: WSGIEnvironment, limit: int | None) -> LimitedStream | io.BytesIO:
    """Open the body of a request.

    :param limit: How many bytes are accepted.
    :raises HTTPException: a 413 if the request announces more, or a 411 if the server does not
        decode a chunked body (RFC 9112 section 6.3).
    """
    source = environ["wsgi.input"]
    length = get_content_length(environ)
    if length is not None and limit is not None and length > limit:
        raise content_too_large(limit)
    if environ.get("wsgi.input_terminated"):
        if environ.get("HTTP_CONTENT_ENCODING"):
            length = None  # a middleware that decompresses the body may keep the old length
        return BodyStream(source, length, limit)
    if length is not None:
        # Nothing marks the end of such a source. To read on would wait for ever.
        return BodyStream(source, length, None, end=length)
    if environ.get("HTTP_TRANSFER_ENCODING"):
        raise ApiError(Sentence("chunked-body"), status=411)
    return io.BytesIO()


class BodyStream(LimitedStream):
    """A stream that ends only where the body ends.

    Werkzeug's streams end without an error where ``max_content_length`` is reached, and behind
    some servers where the client went away.

    :param source: The stream of the server.
    :param length: The ``Content-Length`` of the request.
    :param limit: How many bytes are accepted. The stream asks for one more.
    :param end: How many bytes may be asked for, if the source does not mark its end.
    """

    def __init__(
        self, source: IO[bytes], length: int | None, limit: int | None, end: int | None = None
    ) -> None:
        super().__init__(source, sys.maxsize if limit is None else limit)
        self._length = length or 0
        self._is_terminated = end is None
        self._end = min(self.limit + 1, sys.maxsize) if end is None else end

    def read(self, size: int | None = -1) -> bytes:
        """Read up to ``size`` bytes, or all.

        :raises HTTPException: a 413 if there are more bytes than are accepted, and a 400 if there
            are fewer than announced, or they cannot be read.
        """
        if size is None or size < 0:
            return self.readall()
        return self._receive(self._stream.read, size)

    def readall(self) -> bytes:
        """Read all that is left."""
        return b"".join(iter(partial(self.read, _PIECE), b""))

    def readline(self, size: int | None = -1) -> bytes:
        """Read a line: with the server's own method, or byte by byte as Werkzeug does."""
        if not self._is_terminated:
            return super().readline(size)  # some ASGI bridges ignore the size
        size = sys.maxsize if size is None or size < 0 else size
        return self._receive(self._stream.readline, size)

    def readinto(self, buffer: Any) -> int:
        """Read into a buffer."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _receive(self, read: Callable[[int], bytes], size: int) -> bytes:
        size = min(size, self._end - self._pos)
        try:
            data = read(size) if size > 0 else b""
        except _CLIENT_ERRORS + body_errors() as failure:
            if _is_of_the_server(failure):
                raise
            raise ClientDisconnected(Sentence("unreadable-body")) from failure  # type: ignore[arg-type]
        self._pos += len(data)
        if self._pos > self.limit:
            raise content_too_large(self.limit)
        if size > 0 and not data and self._pos < self._length:
            # RFC 9112 section 8: such a request is incomplete.
            raise ClientDisconnected(Sentence("truncated-body"))  # type: ignore[arg-type]
        return data


def content_too_large(limit: int) -> ApiError:
    """Return a 413 that names the limit."""
    return ApiError(Sentence(413, limit=limit), status=413)


def _is_of_the_server(failure: Exception) -> bool:
    # Subclasses of other modules, such as `ssl.SSLError`, have numbers of their own.
    is_plain = isinstance(failure, OSError) and type(failure).__module__ == "builtins"
    return is_plain and failure.errno in _SERVER_ERRNOS  # type: ignore[attr-defined]
