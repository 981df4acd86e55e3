"""The exceptions when a quota is exceeded, or cannot be counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException, ServiceUnavailable, TooManyRequests

from .._core.errors import ApiError
from .._core.http import CheckedPairs, HeaderPairs
from .._core.log_records import PackageLogger
from .._core.problem import too_many_requests
from .._core.sentences import Sentence
from .._core.state import current_request, request_state
from .fields import policy_names, rate_limit_fields
from .quotas import Charge, limit_text, nearest_of

if TYPE_CHECKING:
    from flask_limiter import RateLimitExceeded

_logger = PackageLogger()


class QuotaExceeded(ApiError, TooManyRequests):  # type: ignore[misc]
    """The client exceeded its rate limit. It may try again after ``Retry-After`` seconds."""

    type = "https://iana.org/assignments/http-problem-types#quota-exceeded"
    title = "Request cannot be satisfied as assigned quota has been exceeded"


class LargerThanQuota(QuotaExceeded):
    """One request costs more than the whole limit, so it can never be answered."""

    type = QuotaExceeded.type
    title = QuotaExceeded.title
    retry = "never"


class StorageFailed(ApiError, ServiceUnavailable):  # type: ignore[misc]
    """Rate limits cannot be enforced while their storage is unavailable."""

    type = None
    title = None


def quota_exceeded(
    limit: str,
    seconds: int | None,
    policies: list[str],
    fields: HeaderPairs = (),
    message: Any = None,
) -> QuotaExceeded:
    """Make the 429 for a limit.

    :param limit: The limit in words.
    :param seconds: When the client may try again; ``None`` if no time is long enough.
    :param policies: The names of the exceeded quotas.
    :param fields: The header fields that describe the quotas.
    :param message: What the author says instead.
    """
    headers = CheckedPairs(fields)
    members: dict[str, Any] = {"limit": limit, "violated-policies": policies}
    if seconds is None:
        message = message or Sentence("cost-over-limit", limit=limit)
        return LargerThanQuota(message, headers=headers, **members)
    message = too_many_requests(seconds, limit) if message is None else message
    return QuotaExceeded(message, headers=headers, retry_after=seconds, **members)


def convert(exc: RateLimitExceeded) -> HTTPException:
    """Convert Flask-Limiter's 429, unless an author's ``on_breach`` returned a response."""
    if exc.response is not None:
        return exc
    limit = exc.limit
    message = exc.description if limit.error_message else None
    charges: list[Charge] = request_state(current_request()).charges or []
    if not any(charge.exceeded and charge.quota.limit is limit for charge in charges):
        # An author raised it.
        window = limit.limit.get_expiry()
        return quota_exceeded(limit_text(limit.limit), window, [], message=message)
    nearest = measure_exceeded(charges)
    names = policy_names(charges)
    policies = [name for name, charge in zip(names, charges, strict=True) if charge.exceeded]
    fields = rate_limit_fields(charges, nearest, names)
    return quota_exceeded(limit_text(limit.limit), nearest.reset, policies, fields, message)


def measure_exceeded(charges: list[Charge]) -> Charge:
    """Measure how long the client has to wait for each exceeded quota.

    :returns: The one with the longest wait.
    """
    for charge in charges:
        if charge.exceeded and charge.reset is None and charge.counters and charge.fits:
            try:
                charge.counters.measure_exceeded(charge)
            except Exception:
                _logger.exception("Asking the storage for the end of a limit failed")
                charge.reset = charge.quota.window
    return nearest_of(charges)
