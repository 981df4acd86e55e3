"""The counters of one process, for apps without a storage, and while a remote storage fails."""

from __future__ import annotations

import threading
import time
from collections import deque

from limits.storage import MemoryStorage, Storage

#: Seconds between two looks for expired counters.
SWEEP_INTERVAL = 5.0


class ProcessMemory(MemoryStorage):
    """A ``MemoryStorage`` that starts no threads, forgets every client, and survives its clock.

    ``MemoryStorage`` starts a thread every 10 milliseconds to look for expired counters, which
    takes longer than counting the requests. It keeps an empty list for each client that ever had a
    moving window. And if the clock is set back by an hour, a window takes an hour longer.
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
        self._latest = 0.0
        self._next_sweep = 0.0
        self.storage, self.events, self.expirations = {}, {}, {}

    # -- fixed windows

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Add to a counter, and return its new value. No two requests get the same value."""
        with self._lock:
            now = self._now()
            if self.expirations.get(key, 0.0) <= now:
                self._sweep_sometimes(now)
                self.expirations[key] = now + expiry
                self.storage[key] = 0
            value = self.storage[key] = self.storage[key] + amount
            return value

    def decr(self, key: str, amount: int = 1) -> int:
        """Take from a counter, and return its new value, which is not negative."""
        with self._lock:
            if self.expirations.get(key, 0.0) <= self._now():
                return 0
            value = self.storage[key] = max(0, self.storage[key] - amount)
            return value

    def get(self, key: str) -> int:
        """Return the value of a counter."""
        with self._lock:
            return self.storage[key] if self.expirations.get(key, 0.0) > self._now() else 0

    def get_expiry(self, key: str) -> float:
        """Return when a counter expires, in seconds since the epoch."""
        with self._lock:
            return self.expirations.get(key, self._now())

    # -- moving windows

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Take places in a moving window, if it has them."""
        with self._lock:
            now = self._now()
            window = self._window(key, expiry, now)
            if len(window) + amount > limit:
                return False
            if not window:
                self._sweep_sometimes(now)
                self.events[key] = window
            window.extend([now] * amount)
            self.expirations[key] = now + expiry
            return True

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """Return when a moving window began, and how many of its places are taken."""
        with self._lock:
            now = self._now()
            window = self._window(key, expiry, now)
            return (window[0], len(window)) if window else (now, 0)

    def _window(self, key: str, expiry: int, now: float) -> deque[float]:
        window = self.events.get(key) or deque()
        while window and window[0] < now - expiry:
            window.popleft()
        return window

    # -- all counters

    def clear(self, key: str) -> None:
        """Forget a counter."""
        with self._lock:
            self._forget(key)

    def reset(self) -> int:
        """Forget all counters, and return how many there were."""
        with self._lock:
            number = len(self.expirations)
            for counters in (self.storage, self.events, self.expirations):
                counters.clear()
            return number

    def _now(self) -> float:
        """Return the time. If the clock was set back, set the counters back as well."""
        now = time.time()
        if now < self._latest:
            difference = self._latest - now
            for key, expires in self.expirations.items():
                self.expirations[key] = expires - difference
            for key, window in self.events.items():
                self.events[key] = deque(moment - difference for moment in window)
        self._latest = now
        return now

    def _sweep_sometimes(self, now: float) -> None:
        if time.monotonic() >= self._next_sweep:
            self._next_sweep = time.monotonic() + SWEEP_INTERVAL
            for key in [key for key, expires in self.expirations.items() if expires <= now]:
                self._forget(key)

    def _forget(self, key: str) -> None:
        for counters in (self.storage, self.events, self.expirations):
            counters.pop(key, None)
