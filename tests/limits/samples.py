"""Quotas and charges for tests."""

from __future__ import annotations

from limits import parse

from flask_apierrors._limits.quotas import Charge, Quota


def quota(
    limit: str = "10/minute", source: str = "endpoint", prefix: str = "", scope: str = "ships"
) -> Quota:
    return Quota(source, parse(limit), scope, prefix)


def charge(
    limit: str = "10/minute",
    source: str = "endpoint",
    remaining: int | None = None,
    reset: int | None = None,
) -> Charge:
    sample = Charge(quota(limit, source), "127.0.0.1", 1)
    sample.remaining, sample.reset = remaining, reset
    return sample
