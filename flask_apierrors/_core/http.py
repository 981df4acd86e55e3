"""Header values that no text can break, and the reading of ``Authorization``."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any

from .text import as_text

HeaderPairs = tuple[tuple[str, str], ...]
"""Header fields in order; a name may occur more than once."""


class CheckedPairs(HeaderPairs):
    """Header fields that :func:`header_pairs` has made, or would not change."""

    __slots__ = ()


Seconds = int | float | timedelta | datetime
"""A delay: seconds, a duration, or the moment at which it ends."""

_MAX_LENGTH = 1_000
_SEVERAL = (list, tuple, set)
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_NOT_QUOTABLE = re.compile(r"[^\x20-\x21\x23-\x5b\x5d-\x7e]")
#: Only the scheme has no case: to read a token without case takes five times as long.
_BEARER = re.compile(r"(?i:bearer) +([A-Za-z0-9._~+/-]+=*) *", re.ASCII)


def header_value(value: object) -> str:
    """``value`` as one line of ISO 8859-1, which every WSGI server can send (RFC 9110 section 5.5)."""
    text = value if type(value) is str else as_text(value)
    if text.isascii() and text.isprintable():
        return text
    return _CONTROL.sub(" ", as_text(text)).encode("latin-1", "replace").decode("latin-1").strip()


def header_pairs(headers: object) -> CheckedPairs:
    """Header fields from a mapping, a Werkzeug ``Headers`` or pairs; what cannot be sent is made safe or left out.

    A value that is a list, a tuple or a set gives one field for each item.
    """
    if type(headers) is CheckedPairs:
        return headers
    pairs: Iterable[Any] = ()
    if isinstance(headers, _SEVERAL):
        pairs = headers
    elif isinstance(headers, Mapping):
        pairs = headers.items()
    elif isinstance(headers, Iterable):
        pairs = headers
    found: list[tuple[str, str]] = []
    for name, value in pairs:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            continue
        if isinstance(value, _SEVERAL):
            found.extend((str.__str__(name), header_value(item)) for item in value)
        else:
            found.append((str.__str__(name), header_value(value)))
    return CheckedPairs(found)


def delay_seconds(value: object) -> int | None:
    """Whole seconds, rounded up and never negative, for ``Retry-After`` (RFC 9110 section 10.2.3).

    Takes a number, a ``timedelta``, a ``datetime`` (naive means UTC), or a field value in either of its two forms.
    ``None`` for anything else.
    """
    if isinstance(value, str):
        value = _parsed_delay(value)
    if isinstance(value, datetime):
        moment = value if value.utcoffset() is not None else value.replace(tzinfo=timezone.utc)
        value = (moment - datetime.now(timezone.utc)).total_seconds()
    elif isinstance(value, timedelta):
        value = value.total_seconds()
    if not isinstance(value, int | float) or not abs(value) < math.inf:
        return None
    return max(0, math.ceil(value))


def _parsed_delay(text: str) -> float | datetime | None:
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None


def merged_list(*values: str | None) -> str:
    """Comma-separated field values as one, each token once whatever its case (``Vary``: RFC 9110 section 12.5.5)."""
    tokens: dict[str, str] = {}
    for value in values:
        for token in (value or "").split(","):
            if token := token.strip():
                tokens.setdefault(token.lower(), token)
    return ", ".join(tokens.values())


def quotable(text: object) -> str:
    """``text`` with nothing that RFC 6750 section 3 forbids inside a quoted parameter."""
    plain = as_text(text)[:_MAX_LENGTH].replace('"', "'").replace("\\", "/")
    if plain.isascii() and plain.isprintable():
        return plain
    return _NOT_QUOTABLE.sub("?", _CONTROL.sub(" ", plain))


def bearer_challenge(realm: str, **parameters: object) -> str:
    """A ``WWW-Authenticate`` value of the Bearer scheme (RFC 6750 section 3); ``None`` leaves a parameter out."""
    pairs = {"realm": realm, **parameters}
    return "Bearer " + ", ".join(
        f'{name}="{quotable(value)}"' for name, value in pairs.items() if value is not None
    )


def bearer_token(authorization: str | None) -> str | None:
    """The token of an ``Authorization`` value (RFC 6750 section 2.1), or ``None`` when it is not exactly that.

    Reads the raw field: ``request.authorization`` raises on some input, and gives an empty or no token on other.
    """
    match = _BEARER.fullmatch(authorization) if authorization else None
    return match[1] if match else None
