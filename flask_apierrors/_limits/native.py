"""Flask-Limiter's own hooks and decorators: their 429s and responses look like ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response, current_app
from werkzeug.exceptions import HTTPException

from .._core.http import delay_seconds
from .._core.log_records import PackageLogger
from .._core.state import current_request, request_state
from .counting import Counting
from .fields import rate_limit_fields
from .flask_limiter import exceeded_quota, limiters_of, reset_time
from .quotas import Charge, Counters, Quota, quota_exceeded

if TYPE_CHECKING:
    from flask_limiter import RateLimitExceeded, RequestLimit
    from limits import RateLimitItem

_logger = PackageLogger()


def bypasses_hooks() -> bool:
    """Request filter: tell Flask-Limiter to skip requests that this package counts."""
    state = current_app.extensions.get("apierrors")
    if state is None:
        return False
    req = current_request()
    counting: Counting | None = state.rate_limits.active()
    return req.method == "OPTIONS" or (counting is not None and counting.bypasses_hooks(req))


def convert(exc: RateLimitExceeded) -> HTTPException:
    """Convert Flask-Limiter's 429, unless an author's ``on_breach`` returned a response."""
    if exc.response is not None:
        return exc
    quota = exceeded_quota(exc)
    limit = _exceeded_limit(quota.item)
    seconds = quota.window
    if limit is not None:
        try:
            counters: Counters = current_app.extensions["apierrors"].rate_limits.active().counters
            seconds = max(1, counters.seconds_until(reset_time(limit), seconds))
        except Exception:
            _logger.exception("Asking the storage for the end of a limit failed")
    return quota_exceeded(quota, seconds, ["default"])


def _exceeded_limit(item: RateLimitItem) -> RequestLimit | None:
    """Return the exceeded limit of the current request, if it is this one."""
    for limiter in limiters_of(current_app):
        limits: list[RequestLimit] = limiter.current_limits
        for limit in limits:
            if limit.breached and limit.limit == item:
                return limit
    return None


def add_native_fields(response: Response) -> Response:
    """Add the header fields for the limits that Flask-Limiter counted."""
    state = request_state(current_request())
    limits = state.app.rate_limits
    nearest = limits.limiter.current_limit if limits.limiter else None
    if state.charges or nearest is None:
        return response
    try:
        _write_fields(response, limits.limiter.current_limits, nearest, limits.active().counters)
    except Exception:
        _logger.exception("Adding the rate limits to a response failed")
    return response


def _write_fields(
    response: Response, limits: list[RequestLimit], nearest: RequestLimit, counters: Counters
) -> None:
    charges = [Charge(Quota("default", limit.limit, ""), "", 1) for limit in limits]
    charge = charges[limits.index(nearest)]
    charge.reset = counters.seconds_until(reset_time(nearest), charge.quota.window)
    charge.remaining = 0 if nearest.breached else nearest.remaining
    if nearest.breached and response.status_code == 429:
        charge.reset = delay_seconds(response.headers.get("Retry-After")) or charge.reset
    for name, value in rate_limit_fields(charges, charge):
        response.headers[name] = value
