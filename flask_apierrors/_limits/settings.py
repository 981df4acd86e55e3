"""The settings of the limits of an app, from its configuration and its Limiter."""

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

#: Keys that limit endpoints whose code has no limit.
LIMITING_KEYS = ("RATELIMIT_DEFAULT", "RATELIMIT_APPLICATION", "RATELIMIT_IN_MEMORY_FALLBACK")


@dataclass(frozen=True, slots=True, kw_only=True)
class LimiterSettings:
    """The settings of a Limiter and its app. They are read once, when the Limiter is installed."""

    #: Whether Flask-Limiter's own hooks are installed.
    hooked: bool
    #: The first part of each counter's key.
    key_prefix: str
    on_breach: OnBreach | None
    on_meta_breach: OnBreach | None
    #: Whether the limits after an exceeded one are only checked, not counted.
    stops_at_first_breach: bool
    #: Whether requests pass uncounted if the storage fails without a fallback.
    swallows_errors: bool
    #: Whether a function names requests in the keys of counters. Otherwise the endpoint does.
    has_request_identifier: bool
    #: The limit for every endpoint while the storage is down.
    fallback_limit: str | Callable[[], str] | None
    #: How often a client may exceed limits.
    meta_limit: str | Callable[[], str] | None
    #: Whether the limits of an endpoint can differ from request to request.
    limits_vary: bool
    #: Whether a limited request gets a 503 while the storage is down.
    refuses_without_storage: bool
    #: The names of the ``X-RateLimit-*`` fields for limit, remaining and reset, if they are on.
    legacy_field_names: tuple[str, ...]


def storage_uri(config: Mapping[str, Any]) -> str:
    """Return the URI of the storage. It may contain a password, so do not show it."""
    return config.get("RATELIMIT_STORAGE_URI") or "memory://"


def storage_scheme(uri: str) -> str:
    """Return the part of a storage's URI that is safe to show."""
    return urlsplit(uri).scheme


def falls_back(config: Mapping[str, Any]) -> bool:
    """Return whether requests are counted in memory while the storage is down."""
    return bool(
        config.get("RATELIMIT_IN_MEMORY_FALLBACK_ENABLED", True)
        or config.get("RATELIMIT_IN_MEMORY_FALLBACK")
    )


def refuses_without_storage(config: Mapping[str, Any]) -> bool:
    """Return whether a limited request gets a 503 while the storage is down."""
    return not (
        storage_scheme(storage_uri(config)) == "memory"
        or falls_back(config)
        or config.get("RATELIMIT_SWALLOW_ERRORS")
    )


def legacy_field_names(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the fields that ``RATELIMIT_HEADERS_ENABLED`` turns on."""
    return (
        config.get("RATELIMIT_HEADER_LIMIT", "X-RateLimit-Limit"),
        config.get("RATELIMIT_HEADER_REMAINING", "X-RateLimit-Remaining"),
        config.get("RATELIMIT_HEADER_RESET", "X-RateLimit-Reset"),
    )


def check_limits(config: Mapping[str, Any], by_endpoint: Mapping[str, str | None]) -> None:
    """Check each configured limit, except for functions.

    :raises ValueError: for a limit that cannot be parsed.
    """
    for key in (*LIMITING_KEYS, "RATELIMIT_META"):
        value = config.get(key)
        if value and not callable(value):
            parse_limit(value, f"{key} = {value!r}")
    for endpoint, limit in by_endpoint.items():
        if limit is not None:
            parse_limit(limit, f"APIERRORS_RATE_LIMITS: {limit!r} for {endpoint!r}")
