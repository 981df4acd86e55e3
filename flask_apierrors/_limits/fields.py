"""The header fields that tell a client its limits. Only this module writes them.

``RateLimit`` and ``RateLimit-Policy`` are those of draft-ietf-httpapi-ratelimit-headers-10.
"""

from __future__ import annotations

import math
import time

from flask import Response

from .._core.http import HeaderPairs, delay_seconds
from .._core.ready_response import add_fields, field_of, is_error, is_ready
from .quotas import Charge


def format_policy(name: str, amount: int, window: int) -> str:
    """Return one item of ``RateLimit-Policy`` (section 3)."""
    return f'"{name}";q={amount};w={window}'


def format_limit(name: str, remaining: int, reset: int | None) -> str:
    """Return the value of ``RateLimit`` (section 4)."""
    return f'"{name}";r={remaining}' if reset is None else f'"{name}";r={remaining};t={reset}'


def rate_limit_fields(charges: list[Charge], nearest: Charge) -> HeaderPairs:
    """Return ``RateLimit-Policy`` for all quotas, and ``RateLimit`` for the nearest."""
    quota, remaining = nearest.quota, nearest.remaining or 0
    name = quota.source
    if len(charges) == 1:
        policies = format_policy(name, quota.amount, quota.window)
    else:
        names = policy_names(charges)
        name = names[charges.index(nearest)]
        policies = ", ".join(
            format_policy(each, charge.quota.amount, charge.quota.window)
            for each, charge in zip(names, charges, strict=True)
        )
    limit = format_limit(name, remaining if remaining > 0 else 0, nearest.reset)
    return ("RateLimit-Policy", policies), ("RateLimit", limit)


def legacy_fields(names: tuple[str, ...], nearest: Charge) -> HeaderPairs:
    """Return the older ``X-RateLimit-*`` fields under their names in this app, if it has any."""
    if not names:
        return ()
    reset_at = math.ceil(time.time()) + (nearest.reset or 0)
    values = (nearest.quota.amount, max(0, nearest.remaining or 0), reset_at)
    return tuple((name, str(value)) for name, value in zip(names, values, strict=True))


def add_limit_fields(
    response: Response, charges: list[Charge], nearest: Charge, legacy_names: tuple[str, ...]
) -> None:
    """Add the fields to a response, unless it is a 429, which has them from its exception."""
    if nearest.exceeded and (is_ready(response) or response.headers.get("RateLimit") is not None):
        return
    if is_error(response):
        _agree_with_retry_after(nearest, response)
    add_fields(response, rate_limit_fields(charges, nearest))
    for name, value in legacy_fields(legacy_names, nearest):
        response.headers.set(name, value)


def _agree_with_retry_after(charge: Charge, response: Response) -> None:
    """Omit the reset time, which is optional, if ``Retry-After`` is earlier (section 6)."""
    delay = delay_seconds(field_of(response, "Retry-After"))
    if delay is not None and charge.reset is not None and delay < charge.reset:
        charge.reset = None


def policy_names(charges: list[Charge]) -> list[str]:
    """Name each quota of a request by its source: ``default``, ``endpoint``, ``endpoint-2``."""
    if len(charges) == 1:
        return [charges[0].quota.source]
    return unique_names([charge.quota.source for charge in charges])


def unique_names(sources: list[str]) -> list[str]:
    """Number the sources that occur again: the second ``endpoint`` is ``endpoint-2``."""
    names: list[str] = []
    for index, source in enumerate(sources):
        before = sources[:index].count(source)
        names.append(f"{source}-{before + 1}" if before else source)
    return names
