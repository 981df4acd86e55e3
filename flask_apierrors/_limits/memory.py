"""The counters of one process, for apps without a storage, and while a remote storage fails."""

from __future__ import annotations

import math
import threading
import time
from collections import deque

from limits.storage import MemoryStorage, Storage

#: Seconds between two looks for expired counters.
SWEEP_INTERVAL = 5.0


class ProcessMemory(MemoryStorage):
    """A ``MemoryStorage`` that starts no threads, forgets every client, and survives its clock.

    ``MemoryStorage`` starts a thread every 10 milliseconds, which takes longer than counting. It
    keeps an empty list for each client that ever had a moving window. And if the clock is set back
    by an hour, a window takes an hour longer.
    """

    STORAGE_SCHEME = ["process-memory"]  # noqa: RUF012 - declared so by the base class

    #: The value of each counter.
    storage: dict[str, int]  # type: ignore[assignment]
    #: The times of the requests in each moving window, the oldest first.
    events: dict[str, deque[float]]  # type: ignore[assignment]
    #: When each counter and each moving window expires.
    expirations: dict[str, float]

    def __init__(self, uri: str | None = None, **_: str) -> None:
        Storage.__init__(self, uri)  # that of MemoryStorage starts a thread
        self._lock = threading.Lock()
        self._latest = self._next_sweep = 0.0
        self.storage, self.events, self.expirations = {}, {}, {}

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Add to a counter, and return its new value. No two requests get the same value."""
        with self._lock:
            self.expirations.setdefault(key, self._now(key) + expiry)
            value = self.storage[key] = self.storage.get(key, 0) + amount
            return value

    def decr(self, key: str, amount: int = 1) -> int:
        """Take from a counter, and return its new value, which is not negative."""
        with self._lock:
            self._now(key)
            if key not in self.storage:
                return 0
            value = self.storage[key] = max(0, self.storage[key] - amount)
            return value

    def get(self, key: str) -> int:
        """Return the value of a counter."""
        with self._lock:
            self._now(key)
            return self.storage.get(key, 0)

    def get_expiry(self, key: str) -> float:
        """Return when a counter expires, in seconds since the epoch."""
        with self._lock:
            return self.expirations.get(key, self._now(key))

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Take places in a moving window, if it has them."""
        with self._lock:
            now = self._now(key)
            window = self._window(key, now - expiry)
            if len(window) + amount > limit:
                return False
            window.extend([now] * amount)
            self.events[key] = window
            self.expirations[key] = now + expiry
            return True

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """Return when a moving window began, and how many of its places are taken."""
        with self._lock:
            now = self._now(key)
            window = self._window(key, now - expiry)
            return (window[0], len(window)) if window else (now, 0)

    def clear(self, key: str) -> None:
        """Forget a counter."""
        with self._lock:
            self._forget(key)

    def reset(self) -> int:
        """Forget all counters, and return how many there were."""
        with self._lock:
            number = len(self.expirations)
            for key in list(self.expirations):
                self._forget(key)
            return number

    def _window(self, key: str, begin: float) -> deque[float]:
        window = self.events.get(key, deque())
        while window and window[0] < begin:
            window.popleft()
        return window

    def _now(self, key: str) -> float:
        """Return the time. Forget a counter whose window is over, and now and then all of them."""
        now = time.time()
        if now < self._latest:
            self._set_back(self._latest - now)
        self._latest = now
        if now >= self._next_sweep:
            self._next_sweep = now + SWEEP_INTERVAL
            for each in [each for each, expires in self.expirations.items() if expires <= now]:
                self._forget(each)
        elif self.expirations.get(key, math.inf) <= now:
            self._forget(key)
        return now

    def _set_back(self, seconds: float) -> None:
        """Set the counters back, as the clock was."""
        self._next_sweep -= seconds
        for key, expires in self.expirations.items():
            self.expirations[key] = expires - seconds
        for key, window in self.events.items():
            self.events[key] = deque(moment - seconds for moment in window)

    def _forget(self, key: str) -> None:
        for counters in (self.storage, self.events, self.expirations):
            counters.pop(key, None)


# The wrappers by limits rename the errors of drivers, and take a fifth of the time of a count.
for _name in ("incr", "get_expiry"):
    setattr(ProcessMemory, _name, getattr(ProcessMemory, _name).__wrapped__)
