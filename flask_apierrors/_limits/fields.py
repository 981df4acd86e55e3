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


def rate_limit_fields(charges: list[Charge], nearest: Charge) -> tuple[HeaderPairs, list[str]]:
    """Return ``RateLimit-Policy`` for all quotas, and ``RateLimit`` for the nearest.

    A name that occurs again has a number: ``vessels-2``.

    :returns: The fields, and the names of the exceeded quotas.
    """
    names: list[str] = []
    policies, exceeded, limit = [], [], ""
    for charge in charges:
        quota = charge.quota
        name = quota.name
        if name in names:
            name = f"{name}-{names.count(name) + 1}"
        names.append(quota.name)
        policies.append(format_policy(name, quota.amount, quota.window))
        if charge.exceeded:
            exceeded.append(name)
        if charge is nearest:
            limit = format_limit(name, max(0, charge.remaining or 0), charge.reset)
    return (("RateLimit-Policy", ", ".join(policies)), ("RateLimit", limit)), exceeded


def add_limit_fields(
    response: Response,
    charges: list[Charge],
    legacy_names: tuple[str, ...],
    *,
    is_refusal: bool,
    has_fields: bool,
) -> None:
    """Add the fields to a response.

    :param legacy_names: The names of Flask-Limiter's fields, if the app has any.
    :param is_refusal: Whether it is a 429 because of these limits.
    :param has_fields: Whether it has those of the draft, or is no response of the API.
    """
    nearest = nearest_of(charges)
    delay = delay_seconds(field_of(response, "Retry-After"))
    if is_refusal and nearest.reset and delay is None:
        add_fields(response, (("Retry-After", str(nearest.reset)),))
    if delay is not None and nearest.reset is not None and delay < nearest.reset:
        nearest.reset = None  # optional, and would contradict Retry-After (section 6)
    if not has_fields:
        add_fields(response, rate_limit_fields(charges, nearest)[0])
    if legacy_names:
        reset_at = math.ceil(time.time()) + (nearest.reset or 0)
        values = [nearest.quota.amount, max(0, nearest.remaining or 0), reset_at]
        # The author may name another wait, and any other error with the field would seem temporary.
        may_wait = is_refusal or status_of(response) < 400
        if may_wait and nearest.reset is not None and delay in (None, nearest.reset):
            values.append(nearest.reset)
        for name, value in zip(legacy_names, values, strict=False):
            response.headers.set(name, str(value))
