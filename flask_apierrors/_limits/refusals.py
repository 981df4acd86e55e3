"""The exceptions when a quota is exceeded, or cannot be counted."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from werkzeug.exceptions import HTTPException, ServiceUnavailable, TooManyRequests

from .._core.errors import ApiError
from .._core.http import CheckedPairs, HeaderPairs
from .._core.problem import too_many_requests
from .._core.sentences import Sentence
from .fields import rate_limit_fields
from .quotas import Charge, limit_text, slowest_of

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


class Description(NamedTuple):
    """What a 429 says of the exceeded quotas."""

    #: The limit in words.
    limit: str
    #: When the client may try again; ``None`` if no time is long enough.
    seconds: int | None
    sentence: Sentence
    fields: HeaderPairs
    #: The names of the exceeded quotas.
    policies: list[str]


def describe(
    limit: str, seconds: int | None, policies: list[str], fields: HeaderPairs = ()
) -> Description:
    """Describe exceeded quotas."""
    if seconds is None:
        sentence = Sentence("cost-over-limit", limit=limit)
    else:
        sentence = too_many_requests(seconds, limit)
        fields = (*fields, ("Retry-After", str(seconds)))
    return Description(limit, seconds, sentence, CheckedPairs(fields), policies)


def quota_exceeded(
    description: Description, message: Any = None, cls: type[QuotaExceeded] = QuotaExceeded
) -> QuotaExceeded:
    """Make the 429 for exceeded quotas.

    :param message: What the author says instead.
    """
    limit, seconds, sentence, fields, policies = description
    members: dict[str, Any] = {"limit": limit, "violated-policies": [*policies]}
    exc = cls(message, headers=fields, **members)
    if message is None:
        exc._sentence = sentence
    if seconds is None:
        vars(exc)["retry"] = "never"
    return exc


def refuse(exceeded: list[Charge], charges: list[Charge]) -> QuotaExceeded:
    """Make the 429 of a request that exceeded quotas.

    :param charges: What the request took from all of its quotas.
    """
    quota, is_alone = exceeded[0].quota, len(charges) == 1
    if not is_alone:  # the view may have gone on after another one
        exceeded = [charge for charge in charges if charge.exceeded]
    slowest = slowest_of(exceeded)
    # A client over its limit asks often, and within a second the answer is the same.
    description: Description | None = quota.description if is_alone else None
    if description is None or description.seconds != slowest.reset:
        fields, policies = rate_limit_fields(charges, slowest)
        description = describe(quota.text, slowest.reset, policies, fields)
        if is_alone:
            quota.description = description
    message = quota.limit.error_message
    message = (message() if callable(message) else message) or None
    exc: Any = quota_exceeded(description, message, exceeded_class())
    # What a handler of Flask-Limiter's exception reads.
    exc.limit, exc.description = quota.limit, message or quota.item_text
    return exc  # type: ignore[no-any-return]


@cache
def exceeded_class() -> Any:
    """Return a class that is Flask-Limiter's exception, too, for the handlers of an author."""
    from flask_limiter import RateLimitExceeded

    class LimitExceeded(RateLimitExceeded, QuotaExceeded):  # type: ignore[misc]
        type = QuotaExceeded.type
        title = QuotaExceeded.title
        __init__: Any = QuotaExceeded.__init__

    return LimitExceeded


def convert(exc: RateLimitExceeded) -> HTTPException:
    """Convert the 429 that an author raises, unless it has a response."""
    if exc.response is not None:
        return exc
    limit = exc.limit
    message = exc.description if limit.error_message else None
    return quota_exceeded(describe(limit_text(limit.limit), limit.limit.get_expiry(), []), message)
