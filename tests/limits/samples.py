"""Quotas and charges for tests."""

from __future__ import annotations

from limits import parse

from flask_apierrors._limits.flask_limiter import make_limit
from flask_apierrors._limits.quotas import Charge, Quota


def quota(limit: str = "10/minute", scope: str = "ships", prefix: str = "") -> Quota:
    return Quota(make_limit(parse(limit)), scope, prefix)


def charge(
    limit: str = "10/minute",
    scope: str = "ships",
    remaining: int | None = None,
    reset: int | None = None,
) -> Charge:
    sample = Charge(quota(limit, scope), "127.0.0.1", 1)
    sample.remaining, sample.reset = remaining, reset
    return sample
