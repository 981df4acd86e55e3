"""Quotas, their counters, and what a request takes from them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from .._core.log_records import PackageLogger

if TYPE_CHECKING:
    from flask_limiter._limits import RuntimeLimit
    from limits import RateLimitItem
    from limits.storage import Storage
    from limits.strategies import RateLimiter

_logger = PackageLogger()
_REMEDY = "Write it as '10 per second', '100/hour', or several as '10/second; 100/hour'."
#: Seconds that are added to each wait: storages round the end of a window, and a client that waits
#: as long as it is told must not be too early.
_RESOLUTION = 0.002
#: How many ends of windows a process remembers.
_MAX_ENDS = 10_000


class Quota:
    """A limit with its options, for one endpoint and method.

    :param limit: The limit, as Flask-Limiter knows it.
    :param scope: What shares one counter, usually the endpoint.
    :param key_prefix: The first part of the key of each counter.
    :param key_func: Returns the client; ``None`` for the default of this package.
    :param name: The name by which clients know the quota. The default is the scope.
    """

    #: Whether a request is counted each time that it meets the limit.
    repeats = False
    #: The last description of it in a 429 for it alone.
    description: Any = None

    def __init__(
        self,
        limit: RuntimeLimit,
        scope: str,
        key_prefix: str = "",
        key_func: Callable[[], Any] | None = None,
        name: str | None = None,
    ) -> None:
        self.limit = limit
        self.item = limit.limit
        self.scope = scope
        self.name = name or scope
        self.key_func = key_func
        #: What the key of each counter begins with.
        self.prefix = (key_prefix,) if key_prefix else ()
        #: The limit in words: ``10 per 1 second``.
        self.text = limit_text(self.item)
        #: The limit as `limits` writes it: ``10 per 1 second``, too, but without a plural.
        self.item_text = str(self.item)
        self.amount = self.item.amount
        #: The length of the window in seconds.
        self.window = self.item.get_expiry()
        self.deduct_when = limit.deduct_when
        # The key of a counter before and after the client. To make a key takes as long as to count.
        key = self.item.key_for(*self.prefix, "\0", scope)
        self.key_start, _, self.key_end = key.partition("\0")
        #: Whether every request is counted at once, for the default client, and costs 1.
        self.is_plain = self.amount > 0 and not (
            key_func
            or limit.cost != 1
            or self.is_conditional
            or limit.deduct_when
            or limit.meta_limits
        )

    @property
    def is_conditional(self) -> bool:
        """Whether some requests are exempt."""
        return self.limit.exempt_when is not None or self.limit.methods is not None

    def holds_for(self, method: str) -> bool:
        """Return whether this quota limits the current request, which has this method."""
        methods, exempt_when = self.limit.methods, self.limit.exempt_when
        is_exempt = exempt_when is not None and exempt_when()
        return not is_exempt and (methods is None or method.lower() in methods)

    def cost_of_request(self) -> int:
        """Return how much the current request takes from the quota, and never less than nothing."""
        cost = self.limit.cost
        return max(0, cost() if callable(cost) else cost)


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
    """What one request takes from a quota, and what is then left.

    :param counters: Where it is counted. Only an example is nowhere.
    """

    exceeded = False
    #: What is left of the quota; ``None`` until it is measured.
    remaining: int | None = None
    #: The seconds until more is left. ``None``: not measured, or it will never be enough.
    reset: int | None = None
    #: When a request took what it may get back.
    taken_at: float | None = None

    def __init__(self, quota: Quota, client: str, cost: int = 1, counters: Any = None) -> None:
        self.quota = quota
        self.client = client
        self.cost = cost
        self.counters: Counters = counters
        self.key = quota.key_start + client + quota.key_end

    @property
    def identifiers(self) -> tuple[str, ...]:
        """What identifies the counter, in Flask-Limiter's order."""
        return *self.quota.prefix, self.client, self.quota.scope

    @property
    def limit(self) -> tuple[str, int, object]:
        """What says which limit it is for: a limit counts a request once."""
        return self.key, self.cost, self.quota.deduct_when


class Counters:
    """The counters of an app: Flask-Limiter's strategy and storage.

    Taking from a quota is one call of the storage. Measuring what is left is at most one more, and
    in a fixed window only one in each window.
    """

    def __init__(self, strategy: RateLimiter) -> None:
        from limits.storage import MemoryStorage
        from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter

        self.strategy = strategy
        self._storage: Storage = strategy.storage
        #: Whether all processes count together.
        self.is_remote = not isinstance(self._storage, MemoryStorage)
        self._is_fixed = isinstance(strategy, FixedWindowRateLimiter)
        self._is_moving = isinstance(strategy, MovingWindowRateLimiter)
        remote = getattr(self._storage, "remote", self._storage)
        #: Whether a request can get back what it took. A counter of memcached's can't go down.
        self.gives_back = self._is_fixed and "memcached" not in getattr(
            remote, "STORAGE_SCHEME", ()
        )
        #: When windows end, as far as the storage need not be asked.
        self._ends: dict[str, float] = {}
        # Redis rounds the life of a counter to the nearest second.
        self._margin = _RESOLUTION if not self._is_fixed else 0.5 if self.is_remote else 0.0

    @property
    def healthy(self) -> bool:
        """Whether the storage that the administrator chose is in use."""
        return bool(getattr(self._storage, "healthy", True))

    @property
    def can_fail(self) -> bool:
        """Whether nothing counts while the storage is down."""
        return not getattr(self._storage, "falls_back", True)

    def take(self, charge: Charge) -> bool:
        """Count a request, and return whether it is within its quota."""
        quota = charge.quota
        if not self._is_fixed:
            return self.strategy.hit(quota.item, *charge.identifiers, cost=charge.cost)
        count = self._storage.incr(charge.key, quota.window, charge.cost)
        charge.remaining = remaining = quota.amount - count
        if count == charge.cost and self.is_remote and not quota.deduct_when:
            self._remember(charge, time.time() + quota.window)  # the first request of a window
        if remaining < 0 and charge.cost > 1 and self.gives_back:
            self.give_back(charge)  # a smaller request may still be within the quota
        return remaining >= 0

    def has_room(self, charge: Charge) -> bool:
        """Return whether a request would be within its quota, without counting it."""
        return self.strategy.test(charge.quota.item, *charge.identifiers, cost=charge.cost)

    def reserve(self, charge: Charge) -> bool:
        """Count a request that may get back what it took. See :meth:`settle`.

        Where the storage can't give it back, this only looks whether there is room.
        """
        if not self.gives_back:
            return self.has_room(charge)
        charge.taken_at = time.time()
        if self.take(charge):
            return True
        self.give_back(charge)
        return False

    def settle(self, charge: Charge, *, is_due: bool) -> None:
        """Count a request whose response is known: keep what it took, or give it back."""
        if charge.taken_at is None:
            if is_due:
                self.take(charge)
        elif not is_due:
            self.give_back(charge)

    def give_back(self, charge: Charge) -> None:
        """Give back what a request took, unless its window is over."""
        window, taken_at = charge.quota.window, charge.taken_at or time.time()
        charge.taken_at = None
        # A window that began later ends later. Redis rounds to whole seconds.
        if time.time() < self._storage.get_expiry(charge.key) <= taken_at + window + 1:
            count = self._storage.incr(charge.key, window, -charge.cost)
            charge.remaining = charge.quota.amount - count

    def measure(self, charge: Charge) -> None:
        """Measure what is left of a quota, and when more is."""
        quota = charge.quota
        if self._is_fixed:
            ends_at = self._end_of(charge)
            if ends_at <= time.time():
                charge.remaining = quota.amount  # the window ended while the view ran
            elif charge.remaining is None:
                charge.remaining = quota.amount - self._storage.get(charge.key)
        else:
            stats = self.strategy.get_window_stats(quota.item, *charge.identifiers)
            ends_at, charge.remaining = stats
        charge.reset = self.seconds_until(ends_at, quota.window)

    def _end_of(self, charge: Charge) -> float:
        """Return when a window ends. That doesn't change, so a remote storage is asked once."""
        ends_at = self._ends.get(charge.key, 0.0)
        if ends_at <= time.time():
            ends_at = self._storage.get_expiry(charge.key)
            if self.is_remote:
                self._remember(charge, ends_at)
        return ends_at

    def _remember(self, charge: Charge, ends_at: float) -> None:
        if len(self._ends) >= _MAX_ENDS:
            self._ends.clear()
        self._ends[charge.key] = ends_at

    def measure_exceeded(self, charge: Charge) -> None:
        """Measure how long the client of an exceeded quota has to wait, if any wait is enough."""
        window = charge.quota.window
        try:
            if charge.cost > charge.quota.amount:
                pass
            elif self._is_fixed:
                ends_at = self._storage.get_expiry(charge.key)  # a wait must be true
                charge.reset = self.seconds_until(ends_at, window) or 1
            elif charge.cost > 1:
                # The storage knows when one place is free again, but this request takes several.
                charge.reset = window * (1 if self._is_moving else 2)
            else:
                self.measure(charge)
                charge.reset = charge.reset or 1
        except Exception:
            _logger.exception("Asking the storage for the end of a limit failed")
            charge.reset = window
        charge.remaining = 0

    def seconds_until(self, reset_at: float, window: int) -> int:
        """Return whole seconds, rounded up, until a moment that the storage named."""
        seconds = max(0, math.ceil(reset_at - time.time() + self._margin))
        return min(window, seconds) if self._is_fixed else seconds


def slowest_of(exceeded: list[Charge]) -> Charge:
    """Return the charge with the longest wait, measured. One without a wait is never answered."""
    for charge in exceeded:
        if charge.reset is None:
            charge.counters.measure_exceeded(charge)
    if len(exceeded) == 1:
        return exceeded[0]
    return max(exceeded, key=lambda charge: math.inf if charge.reset is None else charge.reset)


def nearest_of(charges: list[Charge]) -> Charge:
    """Return the charge whose quota the client runs out of first, measured.

    If quotas are exceeded, it is the slowest. Otherwise it has the smallest part left.
    """
    exceeded = [charge for charge in charges if charge.exceeded]
    if exceeded:
        return slowest_of(exceeded)
    if len(charges) > 1:
        for charge in charges:
            if charge.remaining is None:
                charge.counters.measure(charge)
    nearest = min(charges, key=lambda charge: (charge.remaining or 0) / max(1, charge.quota.amount))
    if nearest.reset is None:
        nearest.counters.measure(nearest)
    return nearest
