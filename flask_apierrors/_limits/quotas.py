"""One limit on one endpoint, what a request takes of it, and what the client is told is left."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import TooManyRequests

from .._core.errors import ApiError
from .._core.http import HeaderPairs
from .._core.problem import too_many_requests

if TYPE_CHECKING:
    from flask_limiter._limits import RuntimeLimit
    from limits import RateLimitItem
    from limits.storage import Storage
    from limits.strategies import RateLimiter

_REMEDY = "Write it as '10 per second', '100/hour', or several as '10/second; 100/hour'."
#: Below the resolution of what the storages tell: added, so that a client that waits this long is not a moment too early.
_RESOLUTION = 0.002


def parse_limit(text: Any, source: str) -> list[RateLimitItem]:
    """Read a limit, or several.

    :param source: Where it was found, for the message.
    :raises ValueError: when it cannot be read.
    """
    from limits import parse_many

    try:
        return parse_many(text)
    except ValueError:
        raise ValueError(f"{source} is not a rate limit. {_REMEDY}") from None


class Quota:
    """One limit of one endpoint, parsed, with all that is the same for each request."""

    __slots__ = (
        "amount",
        "conditional",
        "cost",
        "counts_later",
        "head",
        "is_plain",
        "item",
        "key_func",
        "parameters",
        "policy",
        "runtime",
        "scope",
        "source",
        "tail",
        "window",
    )

    def __init__(
        self,
        source: str,
        runtime: RuntimeLimit,
        prefix: str,
        scope: str,
        default_key: Callable[[], str],
    ) -> None:
        self.source = source
        self.runtime = runtime
        self.item = runtime.limit
        self.amount = self.item.amount
        self.window = self.item.get_expiry()
        self.scope = scope
        self.key_func = None if runtime.key_func is default_key else runtime.key_func
        self.parameters = f";q={self.amount};w={self.window}"
        self.policy = f'"{source}"{self.parameters}'
        self.cost = None if callable(runtime.cost) else runtime.cost
        self.conditional = runtime.exempt_when is not None or runtime.methods is not None
        self.counts_later = runtime.deduct_when is not None
        self.is_plain = self.cost is not None and not (
            self.conditional or self.counts_later or self.key_func
        )
        # The key as `limits` makes it, but for the client: making it anew for each request costs as much as counting.
        key = self.item.key_for(*identifiers(prefix, "\0", scope))
        self.head, _, self.tail = key.partition("\0")

    @property
    def text(self) -> str:
        """The limit in words: ``10 per 1 second``."""
        return limit_text(self.item)


def in_order(quotas: Iterable[Quota]) -> tuple[Quota, ...]:
    """Shortest window first: what a client meets most often, and soonest has again."""
    return tuple(sorted(quotas, key=lambda quota: quota.window))


def limit_text(item: RateLimitItem) -> str:
    """A limit in words: ``10 per 1 second``, ``100 per 5 minutes``."""
    plural = "s" if item.multiples > 1 else ""
    return f"{item.amount} per {item.multiples} {item.GRANULARITY.name}{plural}"


def identifiers(prefix: str, client: str, scope: str) -> tuple[str, ...]:
    """What a counter is known by, in Flask-Limiter's order."""
    return (prefix, client, scope) if prefix else (client, scope)


class Spent:
    """A quota as one request met it."""

    __slots__ = ("client", "cost", "exceeded", "key", "left", "quota", "reset")

    def __init__(self, quota: Quota, client: str, cost: int) -> None:
        self.quota = quota
        self.client = client
        self.cost = cost
        self.key = quota.head + client + quota.tail
        self.exceeded = False
        #: What is left of it; `None` when only the storage knows.
        self.left: int | None = None
        #: Seconds until there is (more) quota again, when that has been asked for.
        self.reset: int | None = None


class Counters:
    """Flask-Limiter's strategy and storage, with at most one more round trip to learn what is left."""

    def __init__(self, strategy: RateLimiter, prefix: str) -> None:
        from limits.storage import MemoryStorage
        from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter

        self.strategy = strategy
        self.prefix = prefix
        self._storage: Storage = strategy.storage
        self._fixed = isinstance(strategy, FixedWindowRateLimiter)
        self._moving = isinstance(strategy, MovingWindowRateLimiter)
        self._margin = _RESOLUTION
        if self._fixed:
            # Redis tells the life of a counter in whole seconds, rounded to the nearest.
            self._margin = 0.0 if isinstance(self._storage, MemoryStorage) else 0.5

    def _identifiers(self, spent: Spent) -> tuple[str, ...]:
        return identifiers(self.prefix, spent.client, spent.quota.scope)

    def take(self, spent: Spent) -> bool:
        """Count a request; is it within the limit? A fixed window tells at once what is left of it."""
        quota = spent.quota
        if not self._fixed:
            return self.strategy.hit(quota.item, *self._identifiers(spent), cost=spent.cost)
        spent.left = left = quota.amount - self._storage.incr(spent.key, quota.window, spent.cost)
        return left >= 0

    def has_room(self, spent: Spent) -> bool:
        """Would the request be within the limit? Counts nothing."""
        return self.strategy.test(spent.quota.item, *self._identifiers(spent), cost=spent.cost)

    def measure(self, spent: Spent) -> None:
        """Learn what is left and when there is more."""
        if self._fixed:
            if spent.left is None:
                spent.left = spent.quota.amount - self._storage.get(spent.key)
            reset_at = self._storage.get_expiry(spent.key)
        else:
            reset_at, spent.left = self.strategy.get_window_stats(
                spent.quota.item, *self._identifiers(spent)
            )
        spent.reset = self.seconds_until(reset_at, spent.quota.window)

    def nearest(self, spent: list[Spent]) -> Spent:
        """The quota that limits a client first, measured; of several also what only the storage knows to be left of them."""
        if len(spent) > 1 and not any(one.exceeded for one in spent):
            for one in spent:
                if one.left is None:
                    self.measure(one)
        found = nearest_of(spent)
        if found.reset is None:
            self.measure(found)
        return found

    def measure_exceeded(self, spent: Spent) -> None:
        """Learn how long to wait until a request of this cost is within the limit again."""
        if spent.cost > 1 and not self._fixed:
            # The storage tells when the first place is free again, not the one that this request needs.
            spent.reset = spent.quota.window * (1 if self._moving else 2)
        else:
            self.measure(spent)
            spent.reset = max(1, spent.reset or 0)
        spent.left = 0
        spent.exceeded = True

    def seconds_until(self, reset_at: float, window: int) -> int:
        """Whole seconds, rounded up, until a moment of which the storage told, seconds since the epoch."""
        left = reset_at - time.time() + self._margin
        if left <= 0:
            return 0
        return min(window, math.ceil(left)) if self._fixed else math.ceil(left)


def rate_limit_fields(spent: list[Spent], nearest: Spent) -> HeaderPairs:
    """``RateLimit-Policy`` and ``RateLimit`` (draft-ietf-httpapi-ratelimit-headers-10, sections 3 and 4)."""
    name, policy = nearest.quota.source, nearest.quota.policy
    if len(spent) > 1:
        names = policy_names(spent)
        name = names[spent.index(nearest)]
        policy = ", ".join(
            f'"{each}"{one.quota.parameters}' for each, one in zip(names, spent, strict=True)
        )
    left = nearest.left if nearest.left is not None and nearest.left > 0 else 0
    time_left = "" if nearest.reset is None else f";t={nearest.reset}"
    return ("RateLimit-Policy", policy), ("RateLimit", f'"{name}";r={left}{time_left}')


def nearest_of(spent: list[Spent]) -> Spent:
    """The quota that limits a client first: the exceeded one, else the one of which the smallest part is left."""
    if len(spent) == 1:
        return spent[0]
    exceeded = [one for one in spent if one.exceeded]
    if exceeded:
        return max(exceeded, key=lambda one: one.reset or 0)
    return min(
        spent, key=lambda one: 1 if one.left is None else one.left / max(1, one.quota.amount)
    )


def policy_names(spent: list[Spent]) -> list[str]:
    """A name for each quota of a request, by where it comes from: ``default``, ``endpoint``, ``endpoint-2``."""
    if len(spent) == 1:
        return [spent[0].quota.source]
    return numbered([one.quota.source for one in spent])


def numbered(sources: list[str]) -> list[str]:
    """Each name once: the second of the same gets a ``-2``."""
    names: list[str] = []
    for index, source in enumerate(sources):
        before = sources[:index].count(source)
        names.append(f"{source}-{before + 1}" if before else source)
    return names


class QuotaExceeded(ApiError, TooManyRequests):  # type: ignore[misc]
    """The client has made more requests than its limit allows. It may make the next one after ``Retry-After`` seconds."""

    type = "https://iana.org/assignments/http-problem-types#quota-exceeded"
    title = "Request cannot be satisfied as assigned quota has been exceeded"


def quota_exceeded(
    limit: RuntimeLimit, seconds: int, policies: list[str], fields: HeaderPairs = ()
) -> QuotaExceeded:
    """The 429 for a limit, to retry after so many seconds; an ``error_message`` of the author replaces the sentence."""
    message = limit.error_message() if callable(limit.error_message) else limit.error_message
    text = limit_text(limit.limit)
    detail = too_many_requests(seconds, text) if message is None else message
    members: dict[str, Any] = {"limit": text, "violated-policies": policies}
    return QuotaExceeded(detail, headers=fields, retry_after=seconds, **members)
