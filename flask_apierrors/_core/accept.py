"""Reads ``Accept`` headers (RFC 9110 section 12.5.1)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from .http import TOKEN

T = TypeVar("T")

PROBLEM_JSON = "application/problem+json"
#: How much of a header is read. A browser sends about 150 characters.
_MAX_LENGTH = 500

#: A media range: ``text/plain``, ``text/*`` or ``*/*``.
_RANGE = re.compile(rf"(?!\*/[^*]){TOKEN}/{TOKEN}")


class BoundedMemo(dict[str, T]):
    """Remembers what a function returns for a header.

    It keeps 64 headers and never evicts one, so that a client which sends ever new headers cannot
    push out the usual ones.
    """

    __slots__ = ("_function",)
    _ENTRIES = 64
    _LENGTH = 256

    def __init__(self, function: Callable[[str], T]) -> None:
        super().__init__()
        self._function = function

    def __missing__(self, header: str) -> T:
        value = self._function(header)
        if len(self) < self._ENTRIES and len(header) <= self._LENGTH:
            self[header] = value
        return value


def essence(media_type: str) -> str:
    """Return a media type without its parameters, in lower case."""
    return media_type.partition(";")[0].strip().lower()


def media_ranges(accept: str) -> Iterator[tuple[str, float]]:
    """Yield the well-formed ranges of a header without parameters, each with its quality.

    A longer header is read up to a comma, so that no client can make errors expensive.
    """
    if len(accept) > _MAX_LENGTH:
        accept = accept[:_MAX_LENGTH].rpartition(",")[0]
    for value, quality in parse_accept_header(accept, MIMEAccept):
        media_range = essence(value)
        if _RANGE.fullmatch(media_range) and 0 <= quality <= 1:
            yield media_range, quality


def _qualities(accept: str) -> dict[str, float]:
    qualities: dict[str, float] = {}
    for media_range, quality in media_ranges(accept):
        qualities[media_range] = max(quality, qualities.get(media_range, 0))
    return qualities


def _quality_of(media_type: str, qualities: dict[str, float]) -> float:
    main = media_type.partition("/")[0]
    for media_range in (media_type, f"{main}/*", "*/*"):
        if media_range in qualities:
            return qualities[media_range]
    return 0


def best_match(accept: str, offers: Sequence[str]) -> str | None:
    """Choose the offer with the highest quality, and the first one among equals.

    A header without any well-formed range means the same as no header.

    :returns: ``None`` if the header excludes every offer.
    """
    qualities = _qualities(accept)
    if not qualities:
        return offers[0]
    best = max(offers, key=lambda offer: _quality_of(essence(offer), qualities))
    return best if _quality_of(essence(best), qualities) > 0 else None


def _asks_for_problem(accept: str) -> bool:
    qualities = _qualities(accept)
    quality = qualities.get(PROBLEM_JSON, 0)
    return quality > 0 and quality >= _quality_of("application/json", qualities)


_problem_memo = BoundedMemo(_asks_for_problem)


def wants_problem(accept: str | None) -> bool:
    """Whether a header names ``application/problem+json`` at a quality at least that of JSON.

    A wildcard does not name it. Equal qualities suffice, as in the example of RFC 9457 section 3.
    """
    return (
        accept is not None
        and "problem+json" in accept[:_MAX_LENGTH].lower()
        and _problem_memo[accept]
    )
