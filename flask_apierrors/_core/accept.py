"""Reads ``Accept`` headers (RFC 9110 section 12.5.1)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header, parse_options_header

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


class MediaRange(NamedTuple):
    """A well-formed range of an ``Accept`` header."""

    media_type: str
    parameters: Mapping[str, str]
    quality: float


def media_ranges(accept: str) -> Iterator[MediaRange]:
    """Yield the well-formed ranges of a header.

    A longer header is read up to a comma, so that no client can make errors expensive.
    """
    if len(accept) > _MAX_LENGTH:
        accept = accept[:_MAX_LENGTH].rpartition(",")[0]
    for value, quality in parse_accept_header(accept, MIMEAccept):
        media_type = essence(value)
        if _RANGE.fullmatch(media_type) and 0 <= quality <= 1:
            yield MediaRange(media_type, parse_options_header(value)[1], quality)


def _match(offer: str, ranges: Iterable[MediaRange]) -> tuple[float, int]:
    """Return the quality of an offer, and how many of its parameters are asked for.

    The most specific range decides (RFC 9110 section 12.5.1). A parameter excludes offers that
    have another value of it. An offer that does not have it is still accepted.
    """
    media_type = essence(offer)
    offered = parse_options_header(offer)[1]
    names = (media_type, f"{media_type.partition('/')[0]}/*", "*/*")
    best = (-len(names), 0, 0, 0.0)
    for name, parameters, quality in ranges:
        common = offered.keys() & parameters.keys()
        differs = any(offered[key].lower() != parameters[key].lower() for key in common)
        if name in names and not differs:
            missing = len(parameters) - len(common)
            best = max(best, (-names.index(name), len(common), -missing, quality))
    return best[3], best[1]


def best_match(accept: str, offers: Sequence[str]) -> str | None:
    """Choose the offer with the highest quality, and the first one among equals.

    A header without any well-formed range means the same as no header.

    :returns: ``None`` if the header excludes every offer.
    """
    ranges = list(media_ranges(accept))
    if not ranges:
        return offers[0]
    best = max(offers, key=lambda offer: _match(offer, ranges))
    return best if _match(best, ranges)[0] > 0 else None


def _asks_for_problem(accept: str) -> bool:
    ranges = list(media_ranges(accept))
    quality = _match(PROBLEM_JSON, [each for each in ranges if each.media_type == PROBLEM_JSON])[0]
    return quality > 0 and quality >= _match("application/json", ranges)[0]


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
