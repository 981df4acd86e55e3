"""What the configuration and the Limiter of an app say about limits: read once, then frozen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .quotas import parse_limit

if TYPE_CHECKING:
    from flask import Response
    from flask_limiter import RequestLimit

    OnBreach = Callable[[RequestLimit], Response | None]

#: Each of these keys gives endpoints a limit that their code does not mention.
LIMITING_KEYS = ("RATELIMIT_DEFAULT", "RATELIMIT_APPLICATION", "RATELIMIT_IN_MEMORY_FALLBACK")


@dataclass(frozen=True, slots=True, kw_only=True)
class LimiterSettings:
    """The settings of a Limiter and its app, as they are when the Limiter is installed."""

    #: Whether Flask-Limiter's own hooks are installed in the app.
    hooked: bool
    #: The first part of the key of each counter.
    key_prefix: str
    on_breach: OnBreach | None
    on_meta_breach: OnBreach | None
    #: Whether the limits after an exceeded one are looked at, not counted.
    stops_at_first_breach: bool
    #: Whether a request passes uncounted when the storage fails and nothing replaces it.
    swallows_errors: bool
    #: Whether a function names the request in the keys of its counters, instead of its endpoint.
    has_request_identifier: bool
    #: The limit of every endpoint while the storage is down.
    fallback_limit: str | Callable[[], str] | None
    #: How often a client may exceed limits before it is locked out.
    meta_limit: str | Callable[[], str] | None
    #: Whether the limits of an endpoint may differ from one request to the next.
    limits_vary: bool
    #: Whether a limited request gets a 503 while the storage is down.
    refuses_without_storage: bool
    #: The names of the ``X-RateLimit-*`` fields: limit, remaining, reset. Empty when they are off.
    legacy_field_names: tuple[str, ...]


def storage_uri(config: Mapping[str, Any]) -> str:
    """The URI of the storage. It may hold a password, so it belongs in no message."""
    return config.get("RATELIMIT_STORAGE_URI") or "memory://"


def storage_scheme(uri: str) -> str:
    """The part of a storage's URI that a message may show."""
    return urlsplit(uri).scheme


def falls_back(config: Mapping[str, Any]) -> bool:
    """Whether requests are counted in memory while the storage is down."""
    return bool(
        config.get("RATELIMIT_IN_MEMORY_FALLBACK_ENABLED", True)
        or config.get("RATELIMIT_IN_MEMORY_FALLBACK")
    )


def refuses_without_storage(config: Mapping[str, Any]) -> bool:
    """Whether a limited request gets a 503 while the storage is down."""
    return not (
        storage_scheme(storage_uri(config)) == "memory"
        or falls_back(config)
        or config.get("RATELIMIT_SWALLOW_ERRORS")
    )


def legacy_field_names(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the fields that ``RATELIMIT_HEADERS_ENABLED`` switches on."""
    return (
        config.get("RATELIMIT_HEADER_LIMIT", "X-RateLimit-Limit"),
        config.get("RATELIMIT_HEADER_REMAINING", "X-RateLimit-Remaining"),
        config.get("RATELIMIT_HEADER_RESET", "X-RateLimit-Reset"),
    )


def check_limits(config: Mapping[str, Any], by_endpoint: Mapping[str, str | None]) -> None:
    """Check each configured limit, except those that a function returns.

    :raises ValueError: for a limit that cannot be read.
    """
    for key in (*LIMITING_KEYS, "RATELIMIT_META"):
        value = config.get(key)
        if value and not callable(value):
            parse_limit(value, f"{key} = {value!r}")
    for endpoint, limit in by_endpoint.items():
        if limit is not None:
            parse_limit(limit, f"APIERRORS_RATE_LIMITS: {limit!r} for {endpoint!r}")
