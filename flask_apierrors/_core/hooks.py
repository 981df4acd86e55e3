"""The functions that an author registers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from .errors import Problem

Converter = Callable[[Any], Any]


@dataclass(slots=True)
class Hooks:
    """The author's functions. They are the same for every app of one ``ApiErrors``."""

    #: A plain function, even if the author's is ``async def``.
    verify_token: Callable[[str], Any] | None = None
    permissions_of: Callable[[Any], Any] | None = None
    format: Callable[[Problem], Any] | None = None
    unavailable_when: Callable[[], Any] | None = None
    #: Patterns of the endpoints that stay available then.
    available: tuple[str, ...] = ()
    request_id_from: Callable[[], object] | None = None
    converters: dict[type[Exception], Converter] = field(default_factory=dict)
    #: Patterns of the endpoints that are not published.
    hidden: tuple[str, ...] = ()


def is_named(endpoint: str | None, patterns: Iterable[str]) -> bool:
    """Whether a pattern, such as ``admin.*``, names an endpoint."""
    return endpoint is not None and any(fnmatchcase(endpoint, pattern) for pattern in patterns)
