"""The header fields of a request: a schema can load them, and they know which the app read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flask import Request
from werkzeug.datastructures import EnvironHeaders, Headers

#: The name that stands for all fields.
ALL = "*"


class RequestHeaders(EnvironHeaders):
    """Werkzeug's headers, as the ``Mapping`` that marshmallow demands.

    They iterate over pairs, as Werkzeug's do.
    """

    #: The names that were read, in lower case.
    names_read: frozenset[str] = frozenset()

    def __getitem__(self, key: Any, *args: Any, **options: Any) -> Any:
        """Return the value of a field."""
        if isinstance(key, tuple):  # marshmallow takes the pairs for names
            key = key[0]
        self._note(key)
        return super().__getitem__(key, *args, **options)

    def get(self, key: Any, *args: Any, **options: Any) -> Any:
        """Return the value of a field, or a default."""
        self._note(key)
        return super().get(key, *args, **options)

    def getlist(self, key: Any, *args: Any, **options: Any) -> Any:
        """Return all values of a field."""
        names_read = self.names_read
        values = super().getlist(key, *args, **options)  # iterates over all fields
        self.names_read = names_read
        self._note(key)
        return values

    def __iter__(self) -> Iterator[tuple[str, str]]:
        self._note(ALL)
        return super().__iter__()

    def _note(self, name: object) -> None:
        self.names_read |= {str(name).lower()}


Mapping.register(RequestHeaders)


class HeadersRequest(Request):
    """A request with these headers.

    Goal: no function of Python's runs for a request whose headers nothing reads. Plan: Werkzeug's
    constructor sets ``headers``, and the setter is that of a slot, which is C. The getter makes
    the headers. Warning: an author's request class cannot have slots, too. Gain: 0.3 µs for each
    request, against a constructor.
    """

    __slots__ = ("_headers",)
    _headers: Headers


def _headers(req: HeadersRequest) -> Headers:
    if type(req._headers) is EnvironHeaders:
        req._headers = RequestHeaders(req.environ)
    return req._headers


HeadersRequest.headers = property(  # type: ignore[assignment]
    _headers,
    HeadersRequest._headers.__set__,  # type: ignore[attr-defined]
)
