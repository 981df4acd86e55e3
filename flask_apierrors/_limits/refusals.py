"""The exceptions when a quota is exceeded, or cannot be counted."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException, ServiceUnavailable, TooManyRequests

from .._core.errors import ApiError
from .._core.problem import too_many_requests
from .._core.sentences import Sentence
from .._core.state import current_request, request_state
from .fields import policy_names
from .quotas import Charge, limit_text

if TYPE_CHECKING:
    from flask_limiter import RateLimitExceeded

_logger = logging.getLogger("flask_apierrors")


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
    limit: str, seconds: int | None, policies: list[str], message: Any = None
) -> QuotaExceeded:
    """Make the 429 for a limit.

    :param limit: The limit in words.
    :param seconds: When the client may try again; ``None`` if no time is long enough.
    :param policies: The names of the exceeded quotas.
    :param message: What the author says instead.
    """
    members: dict[str, Any] = {"limit": limit, "violated-policies": policies}
    if seconds is None:
        return LargerThanQuota(message or Sentence("cost-over-limit", limit=limit), **members)
    detail = too_many_requests(seconds, limit) if message is None else message
    return QuotaExceeded(detail, retry_after=seconds, **members)


def convert(exc: RateLimitExceeded) -> HTTPException:
    """Convert Flask-Limiter's 429, unless an author's ``on_breach`` returned a response."""
    if exc.response is not None:
        return exc
    limit = exc.limit
    message = exc.description if limit.error_message else None
    charges: list[Charge] = request_state(current_request()).charges or []
    if not any(charge.exceeded and charge.quota.limit is limit for charge in charges):
        # An author raised it.
        return quota_exceeded(limit_text(limit.limit), limit.limit.get_expiry(), [], message)
    measure_exceeded(charges)
    names = policy_names(charges)
    policies = [names[index] for index, charge in enumerate(charges) if charge.exceeded]
    waits = [charge.reset for charge in charges if charge.exceeded]
    seconds = None if None in waits else max(wait for wait in waits if wait is not None)
    return quota_exceeded(limit_text(limit.limit), seconds, policies, message)


def measure_exceeded(charges: list[Charge]) -> None:
    """Measure how long the client has to wait for each exceeded quota."""
    for charge in charges:
        is_possible = charge.cost <= charge.quota.amount
        if charge.exceeded and charge.reset is None and charge.counters and is_possible:
            try:
                charge.counters.measure_exceeded(charge)
            except Exception:
                _logger.exception("Asking the storage for the end of a limit failed")
                charge.reset = charge.quota.window
