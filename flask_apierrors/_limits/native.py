"""Flask-Limiter's own hooks and decorators: their 429 as one of ours, and what their answers tell of them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from flask import Response, current_app
from werkzeug.exceptions import HTTPException

from .._core.http import delay_seconds
from .._core.state import current_request, request_state
from .quotas import Counters, numbered, quota_exceeded

if TYPE_CHECKING:
    from flask_limiter import Limiter, RateLimitExceeded, RequestLimit
    from limits import RateLimitItem

_logger = logging.getLogger("flask_apierrors")


def is_not_for_native() -> bool:
    """Flask-Limiter's question whether to leave a request alone: what is counted here, it shall not count again."""
    state = current_app.extensions.get("apierrors")
    if state is None:
        return False
    req = current_request()
    return req.method == "OPTIONS" or state.rate_limits.leaves_nothing_to_native(req)


def converted(exc: RateLimitExceeded) -> HTTPException:
    """Flask-Limiter's 429 as one of ours; with a response of the author's as it is."""
    if exc.response is not None:
        return exc
    current = _exceeded_natively(exc.limit.limit)
    seconds = exc.limit.limit.get_expiry()
    if current is not None:
        try:
            counters = current_app.extensions["apierrors"].rate_limits.counters
            seconds = max(1, counters.seconds_until(current.window.reset_time, seconds))
        except Exception:
            _logger.exception("Asking the storage when a limit ends failed")
    return quota_exceeded(exc.limit, seconds, ["default"])


def _exceeded_natively(item: RateLimitItem) -> RequestLimit | None:
    for limiter in current_app.extensions.get("limiter", ()):
        current: list[RequestLimit] = limiter.current_limits
        for limit in current:
            if limit.breached and limit.limit == item:
                return limit
    return None


def add_native_fields(response: Response) -> Response:
    """Tell the client what is left of the limits that Flask-Limiter's own hooks and decorators counted."""
    state = request_state(current_request())
    limits = state.app.rate_limits
    limiter = limits.native_limiter
    if state.spent or limiter is None or not limiter.current_limits:
        return response
    try:
        _native_fields(response, limiter, limits.counters)
    except Exception:
        _logger.exception("Telling the client its rate limits failed")
    return response


def _native_fields(response: Response, limiter: Limiter, counters: Counters) -> None:
    limits = limiter.current_limits
    names = numbered(["default"] * len(limits))
    nearest = limiter.current_limit or limits[0]
    name = names[next((index for index, limit in enumerate(limits) if limit is nearest), 0)]
    policies = (
        f'"{name}";q={one.limit.amount};w={one.limit.get_expiry()}'
        for name, one in zip(names, limits, strict=True)
    )
    response.headers["RateLimit-Policy"] = ", ".join(policies)
    seconds = counters.seconds_until(nearest.window.reset_time, nearest.limit.get_expiry())
    left = 0 if nearest.breached else max(0, nearest.remaining)
    if nearest.breached and response.status_code == 429:
        seconds = delay_seconds(response.headers.get("Retry-After")) or seconds
    response.headers["RateLimit"] = f'"{name}";r={left};t={seconds}'
