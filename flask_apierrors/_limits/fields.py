"""The header fields that tell a client its limits. Only this module writes them.

``RateLimit`` and ``RateLimit-Policy`` are those of draft-ietf-httpapi-ratelimit-headers-10.
"""

from __future__ import annotations

import math
import time

from flask import Response

from .._core.http import HeaderPairs, delay_seconds
from .._core.ready_response import add_fields, field_of, status_of
from .quotas import Charge, nearest_of


def format_policy(name: str, amount: int, window: int) -> str:
    """Return one item of ``RateLimit-Policy`` (section 3)."""
    return f'"{name}";q={amount};w={window}'


def format_limit(name: str, remaining: int, reset: int | None) -> str:
    """Return the value of ``RateLimit`` (section 4)."""
    return f'"{name}";r={remaining}' if reset is None else f'"{name}";r={remaining};t={reset}'


def rate_limit_fields(
    charges: list[Charge], nearest: Charge, names: list[str] | None = None
) -> HeaderPairs:
    """Return ``RateLimit-Policy`` for all quotas, and ``RateLimit`` for the nearest.

    :param names: The names of the quotas, if the caller has them.
    """
    names = names or policy_names(charges)
    policies = [
        format_policy(name, charge.quota.amount, charge.quota.window)
        for name, charge in zip(names, charges, strict=True)
    ]
    name = names[charges.index(nearest)]
    limit = format_limit(name, max(0, nearest.remaining or 0), nearest.reset)
    return ("RateLimit-Policy", ", ".join(policies)), ("RateLimit", limit)


def add_limit_fields(
    response: Response,
    charges: list[Charge],
    legacy_names: tuple[str, ...],
    *,
    is_refusal: bool,
    is_api: bool,
) -> None:
    """Add the fields to a response, unless it is our own 429, which has them already.

    :param legacy_names: The names of Flask-Limiter's fields, if the app has any.
    :param is_refusal: Whether it is a 429 because of these limits.
    :param is_api: Whether the response is one of the API. Others get Flask-Limiter's fields alone.
    """
    has_fields = is_refusal and field_of(response, "RateLimit") is not None
    if has_fields and not legacy_names:
        return
    nearest = nearest_of(charges)
    delay = delay_seconds(field_of(response, "Retry-After"))
    if is_refusal and nearest.reset and delay is None:
        add_fields(response, (("Retry-After", str(nearest.reset)),))
    if delay is not None and nearest.reset is not None and delay < nearest.reset:
        nearest.reset = None  # optional, and would contradict Retry-After (section 6)
    if is_api and not has_fields:
        add_fields(response, rate_limit_fields(charges, nearest))
    if legacy_names:
        reset_at = math.ceil(time.time()) + (nearest.reset or 0)
        values = [nearest.quota.amount, max(0, nearest.remaining or 0), reset_at]
        # The author may name another wait, and any other error with the field would seem temporary.
        may_wait = is_refusal or status_of(response) < 400
        if may_wait and nearest.reset is not None and delay in (None, nearest.reset):
            values.append(nearest.reset)
        for name, value in zip(legacy_names, values, strict=False):
            response.headers.set(name, str(value))


def policy_names(charges: list[Charge]) -> list[str]:
    """Return the names of quotas. One that occurs again has a number: ``vessels-2``."""
    names = [charge.quota.name for charge in charges]
    if len(names) == 1:
        return names
    numbered = []
    for index, name in enumerate(names):
        before = names[:index].count(name)
        numbered.append(f"{name}-{before + 1}" if before else name)
    return numbered
