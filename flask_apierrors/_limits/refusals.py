"""The exceptions when a quota is exceeded, or cannot be counted."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException, ServiceUnavailable, TooManyRequests

from .._core.errors import ApiError
from .._core.http import CheckedPairs, HeaderPairs
from .._core.problem import too_many_requests
from .._core.sentences import Sentence
from .fields import policy_names, rate_limit_fields
from .quotas import Charge, Quota, limit_text, nearest_of

if TYPE_CHECKING:
    from flask_limiter import RateLimitExceeded


class QuotaExceeded(ApiError, TooManyRequests):  # type: ignore[misc]
    """The client exceeded its rate limit. It may try again after ``Retry-After`` seconds."""

    type = "https://iana.org/assignments/http-problem-types#quota-exceeded"
    title = "Request cannot be satisfied as assigned quota has been exceeded"


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
    cls: type[QuotaExceeded] = QuotaExceeded,
) -> QuotaExceeded:
    """Make the 429 for a limit.

    :param limit: The limit in words.
    :param seconds: When the client may try again; ``None`` if no time is long enough.
    :param policies: The names of the exceeded quotas.
    :param fields: The header fields that describe the quotas.
    :param message: What the author says instead.
    """
    if seconds is None:
        message = message or Sentence("cost-over-limit", limit=limit)
    else:
        message = too_many_requests(seconds, limit) if message is None else message
        fields = (*fields, ("Retry-After", str(seconds)))
    members: dict[str, Any] = {"limit": limit, "violated-policies": policies}
    exc = cls(message, headers=CheckedPairs(fields), **members)
    if seconds is None:
        vars(exc)["retry"] = "never"
    return exc


def refuse(quota: Quota, charges: list[Charge]) -> QuotaExceeded:
    """Make the 429 of a request that exceeded a quota.

    :param charges: What the request took from all of its quotas.
    """
    nearest = nearest_of(charges)
    names = policy_names(charges)
    policies = [name for name, charge in zip(names, charges, strict=True) if charge.exceeded]
    fields = rate_limit_fields(charges, nearest, names)
    limit = quota.limit
    message = limit.error_message
    message = (message() if callable(message) else message) or None
    cls = _exceeded_class()
    exc: Any = quota_exceeded(quota.text, nearest.reset, policies, fields, message, cls)
    # What a handler of Flask-Limiter's exception reads.
    exc.limit, exc.description = limit, quota.item_text if message is None else message
    return exc  # type: ignore[no-any-return]


@cache
def _exceeded_class() -> Any:
    """Return a class that is Flask-Limiter's exception, too, for the handlers of an author."""
    from flask_limiter import RateLimitExceeded

    class LimitExceeded(RateLimitExceeded, QuotaExceeded):  # type: ignore[misc]
        type = QuotaExceeded.type
        title = QuotaExceeded.title
        __init__: Any = QuotaExceeded.__init__

    return LimitExceeded


def convert(exc: RateLimitExceeded) -> HTTPException:
    """Convert the 429 that an author raises, unless it has a response or is ours."""
    if exc.response is not None or isinstance(exc, QuotaExceeded):
        return exc
    limit = exc.limit
    message = exc.description if limit.error_message else None
    return quota_exceeded(limit_text(limit.limit), limit.limit.get_expiry(), [], message=message)
