"""Quotas and charges for tests."""

from __future__ import annotations

from flask_limiter._limits import RuntimeLimit
from limits import parse

from flask_apierrors import client_key
from flask_apierrors._limits.quotas import Charge, Quota


def quota(limit: str = "10/minute", scope: str = "ships", prefix: str = "") -> Quota:
    return Quota(RuntimeLimit(parse(limit), client_key, None), scope, prefix)


def charge(
    limit: str = "10/minute",
    scope: str = "ships",
    remaining: int | None = None,
    reset: int | None = None,
) -> Charge:
    sample = Charge(quota(limit, scope), "127.0.0.1", 1)
    sample.remaining, sample.reset = remaining, reset
    return sample
