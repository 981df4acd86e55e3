"""The grammar of HTTP fields: values that every server can send, delays, lists, challenges."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any

from flask import Request
from werkzeug.datastructures import Headers

from .text import as_text

HeaderPairs = tuple[tuple[str, str], ...]
"""Header fields in order. A name may occur more than once."""


class CheckedPairs(HeaderPairs):
    """Header fields that need no further check.

    To check the fields of this package's own errors again makes a 429 slower by 7 %.
    """

    __slots__ = ()


Seconds = int | float | timedelta | datetime
"""A delay: seconds, a duration, or the moment at which it ends."""

#: A token (RFC 9110 section 5.6.2): the name of a field, or half of a media type.
TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105
#: A URI with a scheme (RFC 3986 section 3).
ABSOLUTE_URI = r"[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+"
#: Methods whose requests need no body.
BODILESS_METHODS = ("GET", "HEAD", "DELETE", "OPTIONS")
_NAME = re.compile(TOKEN)
_MAX_LENGTH = 1_000
_SEVERAL = (list, tuple, set)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_STRING_OR_REALM = re.compile(rf'"(?:[^"\\]|\\.)*"|(\b(?i:realm)\s*=\s*)({TOKEN})')
_NOT_QUOTABLE = re.compile(r"[^\x20-\x21\x23-\x5b\x5d-\x7e]")


def header_value(value: object) -> str:
    """Convert a value to one line of ISO 8859-1, which every server can send.

    See RFC 9110 section 5.5.
    """
    text = value if type(value) is str else as_text(value)
    if text.isascii() and text.isprintable():
        return text
    return _CONTROL.sub(" ", as_text(text)).encode("latin-1", "replace").decode("latin-1").strip()


def header_pairs(headers: object) -> CheckedPairs:
    """Read header fields from a mapping, a Werkzeug ``Headers`` or pairs.

    A value that is a list, a tuple or a set gives one field for each item. Values are made safe,
    and fields with an invalid name are dropped.
    """
    if type(headers) is CheckedPairs:
        return headers
    items: Iterable[Any] = ()
    # The usual classes first: an abstract one takes longer to ask.
    if isinstance(headers, _SEVERAL):
        items = headers
    elif isinstance(headers, Mapping):
        items = headers.items()
    elif isinstance(headers, Iterable):
        items = headers
    pairs: list[tuple[str, str]] = []
    for name, value in items:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            continue
        if isinstance(value, _SEVERAL):
            pairs.extend((str.__str__(name), header_value(item)) for item in value)
        else:
            pairs.append((str.__str__(name), header_value(value)))
    return CheckedPairs(pairs)


def has_field(pairs: HeaderPairs, name: str) -> bool:
    """Whether there is a field of this name."""
    name = name.lower()
    for field, _ in pairs:  # noqa: SIM110 - a generator takes twice as long
        if field.lower() == name:
            return True
    return False


def delay_seconds(value: object) -> int | None:
    """Convert a delay to whole seconds for ``Retry-After`` (RFC 9110 section 10.2.3).

    :param value: A number, a ``timedelta``, a ``datetime`` (naive means UTC), or the value of a
        field in either of its two forms.
    :returns: The seconds, rounded up and never negative. ``None`` for anything else.
    """
    if isinstance(value, str):
        value = _parse_delay(value)
    if isinstance(value, datetime):
        moment = value if value.utcoffset() is not None else value.replace(tzinfo=timezone.utc)
        value = (moment - datetime.now(timezone.utc)).total_seconds()
    elif isinstance(value, timedelta):
        value = value.total_seconds()
    if not isinstance(value, int | float) or not abs(value) < math.inf:
        return None
    return max(0, math.ceil(value))


def _parse_delay(text: str) -> float | datetime | None:
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None


def merged_list(*values: str | None) -> str:
    """Merge comma-separated values, each token once whatever its case.

    See RFC 9110 section 12.5.5 for ``Vary``.
    """
    tokens: dict[str, str] = {}
    for value in values:
        for token in (value or "").split(","):
            if token := token.strip():
                tokens.setdefault(token.lower(), token)
    return ", ".join(tokens.values())


class OneVary(Headers):
    """Headers that keep ``Vary`` in one line, because some extensions read the first one only."""

    def add(self, key: str, value: Any, /, **options: Any) -> None:
        """Add a field, or merge it into the ``Vary`` that is there."""
        if key.lower() == "vary" and key in self:
            self[key] = merged_list(*self.getlist(key), str(value))
        else:
            super().add(key, value, **options)


def quotable(text: object) -> str:
    """Replace what RFC 6750 section 3 forbids inside a quoted parameter."""
    plain = as_text(text)[:_MAX_LENGTH].replace('"', "'").replace("\\", "/")
    if plain.isascii() and plain.isprintable():
        return plain
    return _NOT_QUOTABLE.sub("?", _CONTROL.sub(" ", plain))


def challenge(scheme: str, **parameters: object) -> str:
    """Make a ``WWW-Authenticate`` value (RFC 9110 section 11.6.1). ``None`` omits a parameter."""
    pairs = [
        f'{name}="{quotable(value)}"' for name, value in parameters.items() if value is not None
    ]
    return f"{scheme} {', '.join(pairs)}"


def quoted_realm(challenges: str) -> str:
    """Write the realm of challenges as a quoted string, never as a token.

    See RFC 9110 section 11.5.
    """
    return _STRING_OR_REALM.sub(
        lambda match: f'{match[1]}"{match[2]}"' if match[1] else match[0], challenges
    )


def has_content(req: Request) -> bool:
    """Whether a request has content (RFC 9110 section 6.4)."""
    environ = req.environ
    has_length = environ.get("CONTENT_LENGTH") not in (None, "", "0")
    return has_length or "HTTP_TRANSFER_ENCODING" in environ


def is_bodiless(req: Request) -> bool:
    """Whether a request has no content, and needs none for its method."""
    return req.method in BODILESS_METHODS and not has_content(req)
