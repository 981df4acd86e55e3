"""The header fields of errors: one row each. A row with a value is a field of every error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from .http import HeaderPairs, merged_list


class FieldRow(NamedTuple):
    """What this package knows about a header field."""

    #: What the field tells a client, for the reference page and OpenAPI.
    meaning: str
    #: The value that every error has. ``None``: only some errors have the field.
    value: str | None = None
    #: What happens to a field of this name that an author sets: it is ``replaced`` by the value,
    #: ``kept`` instead of it, or ``merged`` with it as a list.
    own: Literal["replaced", "kept", "merged"] = "kept"


#: To add a field to every error, add a row with a value.
HEADER_FIELDS: dict[str, FieldRow] = {
    "X-Content-Type-Options": FieldRow(
        "`nosniff`: the body is what `Content-Type` says.", "nosniff", "replaced"
    ),
    "Cache-Control": FieldRow(
        "`no-store`: no cache keeps an error.",
        "no-store",
    ),
    "Vary": FieldRow(
        "Contains `Accept`: the format depends on it.",
        "Accept",
        "merged",
    ),
    "Accept": FieldRow("The formats that the endpoint accepts."),
    "Accept-Patch": FieldRow("The formats that the endpoint accepts with PATCH."),
    "Allow": FieldRow("The methods that the URL supports."),
    "Content-Range": FieldRow("The length of the whole resource."),
    "Content-Type": FieldRow(
        "`application/json`, or `application/problem+json` if the `Accept` header names it."
    ),
    "RateLimit": FieldRow(
        "The limit that you will reach first: the remaining requests (`r`) and the seconds until "
        "there are more (`t`)."
    ),
    "RateLimit-Policy": FieldRow("The limits: how many requests (`q`) in how many seconds (`w`)."),
    "Retry-After": FieldRow("The number of seconds to wait before the next request."),
    "WWW-Authenticate": FieldRow(
        "How to authenticate: the scheme and, if there was a token, what was wrong with it "
        "(RFC 6750)."
    ),
}
#: What every error has, whoever made its body. Only our bodies depend on `Accept`.
FIELDS_OF_EVERY_ERROR = tuple(
    (name, row.value)
    for name, row in HEADER_FIELDS.items()
    if row.value is not None and row.own != "merged"
)
#: The names of the header fields that only errors have, and that of the request ID: what scripts of
#: another origin can read only if the API exposes it (the Fetch standard, section 3.3.6).
EXPOSED_HEADERS = (
    *(name for name, row in HEADER_FIELDS.items() if row.value is None and name != "Content-Type"),
    "X-Request-ID",
)
REQUEST_ID = "Identifies this request in the server's logs. Quote it when you contact support."

#: Fields that describe a body which is never sent.
_OF_ANOTHER_BODY = ("content-type", "content-encoding", "etag", "last-modified")
#: Fields of one connection, and of its framing, which are the server's (RFC 9110 section 7.6.1,
#: RFC 9112 section 6.2, PEP 3333).
OF_THE_CONNECTION = (
    "connection",
    "content-length",
    "keep-alive",
    "proxy-connection",
    "te",
    "transfer-encoding",
)


class CommonFields:
    """The fields of every error, and how an author's own go together with them.

    :param rows: The rows of the table. Those with a value are the fields of every error.
    """

    def __init__(self, rows: Mapping[str, FieldRow]) -> None:
        common = [(name, row.value, row.own) for name, row in rows.items() if row.value is not None]
        self._rules = dict.fromkeys(_OF_ANOTHER_BODY + OF_THE_CONNECTION, "replaced")
        self._rules |= {name.lower(): own for name, _, own in common}
        #: Those before an author's own, and those after.
        self._first = tuple((name, value) for name, value, own in common if own == "replaced")
        self._last = tuple((name, value) for name, value, own in common if own != "replaced")

    def add_to(self, own: HeaderPairs) -> HeaderPairs:
        """Add the fields of every error to an error's own."""
        for name, _ in own:
            if name.lower() in self._rules:
                return self._merge(own)
        return self._first + own + self._last

    def _merge(self, own: HeaderPairs) -> HeaderPairs:
        fields = list(self._first)
        values: dict[str, list[str]] = {}
        for name, value in own:
            values.setdefault(name.lower(), []).append(value)
            if self._rules.get(name.lower(), "kept") == "kept":
                fields.append((name, value))
        for name, value in self._last:
            if self._rules[name.lower()] == "merged":
                fields.append((name, merged_list(*values.get(name.lower(), ()), value)))
            elif name.lower() not in values:
                fields.append((name, value))
        return tuple(fields)


COMMON_FIELDS = CommonFields(HEADER_FIELDS)


def meaning_of(name: str) -> str:
    """Return what a header field tells a client. It is empty for an author's own fields."""
    row = HEADER_FIELDS.get(name)
    return row.meaning if row else ""
