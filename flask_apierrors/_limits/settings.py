"""Checks of the configuration of the limits of an app."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .quotas import parse_limit

#: Keys that limit endpoints whose code has no limit.
LIMITING_KEYS = ("RATELIMIT_DEFAULT", "RATELIMIT_APPLICATION", "RATELIMIT_IN_MEMORY_FALLBACK")
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
