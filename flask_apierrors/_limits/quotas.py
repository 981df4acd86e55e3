"""Quotas, their counters, and the exceptions when a quota is exceeded or cannot be counted."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import ServiceUnavailable, TooManyRequests

from .._core.errors import ApiError
from .._core.http import HeaderPairs
from .._core.problem import too_many_requests

if TYPE_CHECKING:
    from flask import Response
    from flask_limiter import RequestLimit
    from limits import RateLimitItem
    from limits.storage import Storage
    from limits.strategies import RateLimiter

    OnBreach = Callable[[RequestLimit], Response | None]

_REMEDY = "Write it as '10 per second', '100/hour', or several as '10/second; 100/hour'."
#: Seconds that are added to each wait: storages round the end of a window, and a client that waits
#: as long as it is told must not be too early.
_RESOLUTION = 0.002


@dataclass(slots=True, eq=False)
class Quota:
    """A limit for one endpoint and method, with everything that is the same for each request."""

    #: ``application``, ``default``, ``endpoint``, ``fallback`` or ``meta``.
    source: str
    item: RateLimitItem
    #: What shares one counter, usually the endpoint.
    scope: str
    key_prefix: str = ""
    #: Returns the client; ``None`` for the default of this package.
    key_func: Callable[[], str] | None = None
    cost: int | Callable[[], int] = 1
    #: The limited methods in lower case; ``None`` for all.
    methods: Sequence[str] | None = None
    exempt_when: Callable[[], bool] | None = None
    deduct_when: Callable[[Response], bool] | None = None
    error_message: str | Callable[[], str] | None = None
    on_breach: OnBreach | None = None
    shared: bool = False
    #: How often a client may exceed this limit: objects of Flask-Limiter.
    meta_limits: Sequence[Any] = ()

    #: The limit in words: ``10 per 1 second``.
    text: str = field(init=False)
    amount: int = field(init=False)
    #: The length of the window in seconds.
    window: int = field(init=False)
    #: The key of the counter before and after the client. Making a key takes as long as counting.
    key_start: str = field(init=False)
    key_end: str = field(init=False)
    #: Whether some requests are exempt.
    is_conditional: bool = field(init=False)
    #: Whether every request is counted at once, for the default client, at a fixed cost.
    is_plain: bool = field(init=False)

    def __post_init__(self) -> None:
        self.text = limit_text(self.item)
        self.amount = self.item.amount
        self.window = self.item.get_expiry()
        key = self.item.key_for(*self.identifiers("\0"))
        self.key_start, _, self.key_end = key.partition("\0")
        self.is_conditional = self.exempt_when is not None or self.methods is not None
        self.is_plain = not (
            callable(self.cost)
            or self.is_conditional
            or self.deduct_when
            or self.key_func
            or self.meta_limits
        )

    def identifiers(self, client: str) -> tuple[str, ...]:
        """Return what identifies the counter of a client, in Flask-Limiter's order."""
        return (self.key_prefix, client, self.scope) if self.key_prefix else (client, self.scope)

    def holds_for(self, method: str) -> bool:
        """Return whether this quota limits the current request, which has this method."""
        if self.exempt_when is not None and self.exempt_when():
            return False
        return self.methods is None or method.lower() in self.methods

    def cost_of_request(self) -> int:
        """Return how much the current request takes from the quota."""
        return self.cost() if callable(self.cost) else self.cost


def limit_text(item: RateLimitItem) -> str:
    """Return a limit in words: ``10 per 1 second``, ``100 per 5 minutes``."""
    plural = "s" if item.multiples > 1 else ""
    return f"{item.amount} per {item.multiples} {item.GRANULARITY.name}{plural}"


def parse_limit(text: Any, source: str) -> list[RateLimitItem]:
    """Parse a text with one or more limits.

    :param source: Where the text comes from, for the message.
    :raises ValueError: if the text is not a limit.
    """
    from limits import parse_many

    try:
        return parse_many(text)
    except ValueError:
        raise ValueError(f"{source} is not a rate limit. {_REMEDY}") from None


def by_window(quotas: Iterable[Quota]) -> tuple[Quota, ...]:
    """Sort quotas by their windows, the shortest first: a client exceeds it most often."""
    return tuple(sorted(quotas, key=lambda quota: quota.window))


class Charge:
    """What one request takes from a quota, and what is then left."""

    __slots__ = ("client", "cost", "exceeded", "key", "quota", "remaining", "reset")

    def __init__(self, quota: Quota, client: str, cost: int) -> None:
        self.quota = quota
        self.client = client
        self.cost = cost
        self.key = quota.key_start + client + quota.key_end
        self.exceeded = False
        #: What is left of the quota; ``None`` until it is measured.
        self.remaining: int | None = None
        #: The seconds until more is left; ``None`` until it is measured.
        self.reset: int | None = None


class Counters:
    """The counters of an app: Flask-Limiter's strategy and storage.

    Taking from a quota is one call of the storage. Measuring what is left is at most one more.
    """

    def __init__(self, strategy: RateLimiter, storage: Storage) -> None:
        from limits.storage import MemoryStorage
        from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter

        self._strategy = strategy
        self._storage = storage
        self._is_fixed = isinstance(strategy, FixedWindowRateLimiter)
        self._is_moving = isinstance(strategy, MovingWindowRateLimiter)
        self._margin = _RESOLUTION
        if self._is_fixed:
            # Redis rounds the life of a counter to the nearest second.
            self._margin = 0.0 if isinstance(storage, MemoryStorage) else 0.5

    @property
    def healthy(self) -> bool:
        """Whether the storage that the administrator chose is in use."""
        return bool(getattr(self._storage, "healthy", True))

    def take(self, charge: Charge) -> bool:
        """Count a request, and return whether it is within its quota."""
        quota = charge.quota
        if not self._is_fixed:
            return self._strategy.hit(
                quota.item, *quota.identifiers(charge.client), cost=charge.cost
            )
        count = self._storage.incr(charge.key, quota.window, charge.cost)
        charge.remaining = remaining = quota.amount - count
        return remaining >= 0

    def has_room(self, charge: Charge) -> bool:
        """Return whether a request would be within its quota, without counting it."""
        quota = charge.quota
        return self._strategy.test(quota.item, *quota.identifiers(charge.client), cost=charge.cost)

    def measure(self, charge: Charge) -> None:
        """Ask the storage what is left of a quota, and when more is."""
        quota = charge.quota
        if self._is_fixed:
            if charge.remaining is None:
                charge.remaining = quota.amount - self._storage.get(charge.key)
            reset_at = self._storage.get_expiry(charge.key)
        else:
            reset_at, charge.remaining = self._strategy.get_window_stats(
                quota.item, *quota.identifiers(charge.client)
            )
        charge.reset = self.seconds_until(reset_at, quota.window)

    def measure_nearest(self, charges: list[Charge]) -> Charge:
        """Return the charge whose quota the client runs out of first, measured."""
        if len(charges) > 1 and not any(charge.exceeded for charge in charges):
            for charge in charges:
                if charge.remaining is None:
                    self.measure(charge)
        nearest = nearest_of(charges)
        if nearest.reset is None:
            self.measure(nearest)
        return nearest

    def measure_exceeded(self, charge: Charge) -> None:
        """Mark a quota as exceeded, and measure how long the client has to wait."""
        if charge.cost > 1 and not self._is_fixed:
            # The storage knows when one place is free again, but this request takes several.
            charge.reset = charge.quota.window * (1 if self._is_moving else 2)
        else:
            self.measure(charge)
            charge.reset = max(1, charge.reset or 0)
        charge.remaining = 0
        charge.exceeded = True

    def seconds_until(self, reset_at: float, window: int) -> int:
        """Return whole seconds, rounded up, until a moment that the storage named."""
        seconds = reset_at - time.time() + self._margin
        if seconds <= 0:
            return 0
        return min(window, math.ceil(seconds)) if self._is_fixed else math.ceil(seconds)


def nearest_of(charges: list[Charge]) -> Charge:
    """Return the charge whose quota the client runs out of first.

    If quotas are exceeded, it is the one with the longest wait. Otherwise it is the one with the
    smallest part left.
    """
    if len(charges) == 1:
        return charges[0]
    exceeded = [charge for charge in charges if charge.exceeded]
    if exceeded:
        return max(exceeded, key=lambda charge: charge.reset or 0)
    return min(charges, key=_part_left)


def _part_left(charge: Charge) -> float:
    if charge.remaining is None:
        return 1
    return charge.remaining / max(1, charge.quota.amount)


class QuotaExceeded(ApiError, TooManyRequests):  # type: ignore[misc]
    """The client exceeded its rate limit. It may try again after ``Retry-After`` seconds."""

    type = "https://iana.org/assignments/http-problem-types#quota-exceeded"
    title = "Request cannot be satisfied as assigned quota has been exceeded"


class StorageFailed(ApiError, ServiceUnavailable):  # type: ignore[misc]
    """Rate limits cannot be enforced while their storage is unavailable."""

    type = None
    title = None


def quota_exceeded(
    quota: Quota, seconds: int, policies: list[str], fields: HeaderPairs = ()
) -> QuotaExceeded:
    """Make the 429 for a quota.

    :param seconds: When the client may try again.
    :param policies: The names of the exceeded quotas.
    :param fields: The header fields that describe the quotas.
    """
    message = quota.error_message
    if callable(message):
        message = message()
    detail = too_many_requests(seconds, quota.text) if message is None else message
    members: dict[str, Any] = {"limit": quota.text, "violated-policies": policies}
    return QuotaExceeded(detail, headers=fields, retry_after=seconds, **members)
