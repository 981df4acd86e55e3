"""The settings of the limits of an app, from its configuration and its Limiter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .quotas import parse_limit

if TYPE_CHECKING:
    from flask import Response
    from flask_limiter import RequestLimit
    from flask_limiter._limits import Limit

    OnBreach = Callable[[RequestLimit], Response | None]

#: Keys that limit endpoints whose code has no limit.
LIMITING_KEYS = ("RATELIMIT_DEFAULT", "RATELIMIT_APPLICATION", "RATELIMIT_IN_MEMORY_FALLBACK")


@dataclass(frozen=True, slots=True, kw_only=True)
class LimiterSettings:
    """The settings of a Limiter and its app. They are read once, when the Limiter is installed."""

    #: Returns the client of a limit without a key function; ``None`` for ``client_key``.
    key_func: Callable[[], Any] | None
    #: The first part of each counter's key.
    key_prefix: str
    #: Functions that exempt requests from every limit. The author may add more.
    filters: Sequence[Callable[[], bool]]
    #: Whether each process counts for itself.
    counts_in_memory: bool
    #: Whether a counter of the storage can go down. memcached's can't.
    gives_back: bool
    on_breach: OnBreach | None
    on_meta_breach: OnBreach | None
    #: Whether the limits after an exceeded one are only checked, not counted.
    stops_at_first_breach: bool
    #: Whether requests pass uncounted if the storage fails without a fallback.
    swallows_errors: bool
    #: Whether a function names requests in the keys of counters. Otherwise the endpoint does.
    has_request_identifier: bool
    #: The limits of every endpoint while the storage is down.
    fallback_limits: tuple[Limit, ...]
    #: How often a client may exceed limits.
    meta_limits: tuple[Limit, ...]
    #: Whether a limited request gets a 503 while the storage is down.
    refuses_without_storage: bool
    #: The names of Flask-Limiter's fields for limit, remaining, reset and the wait. Empty: a
    #: response that is no 429 says nothing about limits.
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


#: Keys whose value is true or false.
_SWITCHES = (
    "RATELIMIT_ENABLED",
    "RATELIMIT_HEADERS_ENABLED",
    "RATELIMIT_SWALLOW_ERRORS",
    "RATELIMIT_FAIL_ON_FIRST_BREACH",
    "RATELIMIT_IN_MEMORY_FALLBACK_ENABLED",
    "RATELIMIT_DEFAULTS_PER_METHOD",
    "RATELIMIT_APPLICATION_PER_METHOD",
)


def check_switches(config: Mapping[str, Any]) -> None:
    """Check that no switch is a text, which would always be on.

    :raises ValueError: for a text.
    """
    for key in _SWITCHES:
        value = config.get(key)
        if isinstance(value, str):
            raise ValueError(
                f"{key} = {value!r} is a text. Set it to True or False, and in an environment"
                " variable to true or false."
            )


def check_limits(config: Mapping[str, Any], by_endpoint: Mapping[str, str | None]) -> None:
    """Check each configured limit, except for functions.

    :raises ValueError: for a limit that cannot be parsed.
    """
    for key in (*LIMITING_KEYS, "RATELIMIT_META"):
        value = config.get(key)
        is_object = key == "RATELIMIT_META" and not isinstance(value, str)  # a MetaLimit
        if value and not callable(value) and not is_object:
            parse_limit(value, f"{key} = {value!r}")
    for endpoint, limit in by_endpoint.items():
        if limit is not None:
            parse_limit(limit, f"APIERRORS_RATE_LIMITS: {limit!r} for {endpoint!r}")
