"""The storage of rate limits, guarded: when the remote one fails, counting goes on in memory until it is back."""

from __future__ import annotations

import importlib
import logging
import threading
import time
from typing import Any

from limits.errors import ConfigurationError
from limits.storage import (
    MemoryStorage,
    MovingWindowSupport,
    SlidingWindowCounterSupport,
    Storage,
    storage_from_string,
)
from werkzeug.exceptions import ServiceUnavailable

from .._core.errors import ApiError
from .settings import storage_scheme

#: What a request may wait for a connection, and then for an answer, in seconds: less than one second together.
TIME_OUT = 0.4
#: Seconds between two looks at a storage that failed.
PROBE_INTERVAL = 1.0

#: Seconds between two sweeps of the counters in memory.
SWEEP_INTERVAL = 5.0

_SCHEME = "guarded"
_MEMORY_SCHEME = "swept-memory"
_PROBE_KEY = "apierrors-probe"
_logger = logging.getLogger("flask_apierrors")


class StorageFailed(ApiError, ServiceUnavailable):  # type: ignore[misc]
    """Requests cannot be counted, because the storage of the rate limits is away, and shall not pass uncounted."""

    type = None
    title = None


def guarded_uri(uri: str) -> str:
    """The URI by which ``limits`` makes what this module puts around, or in the place of, the storage of a URI."""
    return f"{_MEMORY_SCHEME}://" if storage_scheme(uri) == "memory" else f"{_SCHEME}:{uri}"


class _Sweep:
    """Stands where ``MemoryStorage`` keeps its timer: lets a new one begin when the interval is over, not at once."""

    def __init__(self) -> None:
        self.timer: threading.Timer | None = None
        self._due = time.monotonic() + SWEEP_INTERVAL

    def is_alive(self) -> bool:
        return time.monotonic() < self._due

    def start(self) -> None:
        self._due = time.monotonic() + SWEEP_INTERVAL
        assert self.timer is not None
        self.timer.daemon = True
        self.timer.start()


class SweptMemory(MemoryStorage):
    """The counters of one process, which forgets the expired ones each :data:`SWEEP_INTERVAL`.

    ``MemoryStorage`` itself starts a thread for that every 10 milliseconds while requests come, which costs them more
    than the counting, and looks at each counter each time. That a counter has expired is seen whenever it is read.
    """

    STORAGE_SCHEME = [_MEMORY_SCHEME]  # noqa: RUF012 - declared so by the base class

    def __init__(
        self, uri: str | None = None, wrap_exceptions: bool = False, **options: Any
    ) -> None:
        super().__init__(uri, wrap_exceptions, **options)
        self._lock = threading.Lock()

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Add to a counter, and give the value that this made: no two requests are told the same."""
        with self._lock:
            if not self._sweep.is_alive():
                return super().incr(key, expiry, amount)  # begins a sweep
            now = time.time()
            if self.expirations.get(key, 0.0) <= now:
                self.expirations[key] = now + expiry
                self.storage[key] = 0
            value = self.storage[key] = self.storage[key] + amount
            return value

    @property
    def timer(self) -> Any:
        """What ``MemoryStorage`` asks whether a sweep is under way, and starts when not."""
        return self._sweep

    @timer.setter
    def timer(self, timer: threading.Timer) -> None:
        if "_sweep" not in self.__dict__:
            self._sweep = _Sweep()
        self._sweep.timer = timer


class GuardedStorage(Storage, MovingWindowSupport, SlidingWindowCounterSupport):
    """A remote storage that never fails its callers.

    Two states. *Healthy*: calls go to the remote storage; the first that fails changes the state, with one warning.
    *Fallen back*: calls go to memory, where each process counts alone; a thread of its own asks the remote storage, once
    each :data:`PROBE_INTERVAL`, and the first good answer changes the state back. So a request waits for a broken
    storage only while nobody knows yet that it is broken.

    :param remote: The URI of the remote storage, after ``guarded:``, or the storage itself.
    :param fallback: Count in memory meanwhile? Else each call raises a 503.
    :param retry_after: Seconds for the ``Retry-After`` of that 503.
    :param options: For the remote storage; they win over the short time-outs that it has by default.
    :raises ConfigurationError: for a URI that no storage of ``limits`` has, or a driver that is not installed.
    """

    STORAGE_SCHEME = [_SCHEME]  # noqa: RUF012 - declared so by the base class

    def __init__(
        self, remote: str | Storage, *, fallback: bool = True, retry_after: int = 30, **options: Any
    ) -> None:
        super().__init__()
        self._uri = remote.removeprefix(f"{_SCHEME}:") if isinstance(remote, str) else ""
        self._options = default_options(storage_scheme(self._uri)) | options
        self._remote: Storage | None = None if isinstance(remote, str) else remote
        self._memory = SweptMemory() if fallback else None
        self._retry_after = retry_after
        self._lock = threading.Lock()
        self._prober: threading.Thread | None = None
        self._next_probe = 0.0
        self._healthy = True
        if self._remote is None:
            self._connect_at_start()

    @property
    def healthy(self) -> bool:
        """Do calls go to the remote storage?"""
        return self._healthy

    @property
    def remote(self) -> Storage | None:
        """The storage itself; ``None`` when it could not be reached since the start, if it has to be to exist."""
        return self._remote

    @property
    def storage(self) -> Any:
        """The driver's client, which `flask limiter config` shows; `None` while there is none."""
        return getattr(self._remote, "storage", None)

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        """What may come out of here as an error of the storage: nothing."""
        return ()

    # -- the two states

    def _connect_at_start(self) -> None:
        """Make the remote storage. Most connect on first use; that of a Redis cluster does at once."""
        try:
            self._remote = _remote_storage(self._uri, self._options)
        except (ConfigurationError, ImportError, TypeError, ValueError):
            raise  # a mistake in the configuration, which no waiting will mend
        except Exception as failure:
            self._fall_back(failure)

    def _call(self, method: str, *args: Any) -> Any:
        if self._healthy:
            try:
                return getattr(self._remote, method)(*args)
            except Exception as failure:
                self._fall_back(failure)
        elif time.monotonic() >= self._next_probe:
            self._start_probe()
        if self._memory is None:
            raise StorageFailed(retry_after=self._retry_after)
        return getattr(self._memory, method)(*args)

    def _fall_back(self, failure: Exception) -> None:
        with self._lock:
            if not self._healthy:
                return
            self._next_probe = time.monotonic() + PROBE_INTERVAL
            self._healthy = False
        instead = (
            "Limits are counted in memory, by each process alone,"
            if self._memory
            else "Limited requests get a 503"
        )
        _logger.warning(
            "The storage of the rate limits failed: %s: %s. %s until it is back.",
            type(failure).__name__,
            failure,
            instead,
        )

    def _start_probe(self) -> None:
        with self._lock:
            # A thread that was running when the process forked is not alive in the child.
            if self._healthy or (self._prober is not None and self._prober.is_alive()):
                return
            self._next_probe = time.monotonic() + PROBE_INTERVAL
            self._prober = threading.Thread(
                target=self._probe, name="rate-limit-storage-probe", daemon=True
            )
            self._prober.start()

    def _probe(self) -> None:
        """Do what requests do, with a key of no consequence: a storage can answer a ping and refuse to count."""
        try:
            if self._remote is None:
                self._remote = _remote_storage(self._uri, self._options)
            self._remote.incr(_PROBE_KEY, 1)
        except Exception:
            return
        with self._lock:
            self._healthy = True
        _logger.warning("The storage of the rate limits is back.")

    # -- what limits asks of a storage

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add to a counter that expires ``expiry`` seconds after it was begun; gives its value."""
        return self._call("incr", key, expiry, amount)  # type: ignore[no-any-return]

    def get(self, key: str) -> int:
        """The value of a counter."""
        return self._call("get", key)  # type: ignore[no-any-return]

    def get_expiry(self, key: str) -> float:
        """When a counter expires: seconds since the epoch."""
        return self._call("get_expiry", key)  # type: ignore[no-any-return]

    def clear(self, key: str) -> None:
        """Forget a counter."""
        self._call("clear", key)

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Take a place in a moving window, if there is one."""
        return self._call("acquire_entry", key, limit, expiry, amount)  # type: ignore[no-any-return]

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """When a moving window began, and the places taken in it."""
        return self._call("get_moving_window", key, limit, expiry)  # type: ignore[no-any-return]

    def acquire_sliding_window_entry(
        self, key: str, limit: int, expiry: int, amount: int = 1
    ) -> bool:
        """Take a place in a sliding window, if there is one."""
        return self._call("acquire_sliding_window_entry", key, limit, expiry, amount)  # type: ignore[no-any-return]

    def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """The counters of the previous and of the current window, each with the seconds that it has left."""
        return self._call("get_sliding_window", key, expiry)  # type: ignore[no-any-return]

    def clear_sliding_window(self, key: str, expiry: int) -> None:
        """Forget both windows."""
        self._call("clear_sliding_window", key, expiry)

    def check(self) -> bool:
        """Does the remote storage answer? For the command line; waits for it."""
        return self._remote is not None and self._remote.check()

    def reset(self) -> int | None:
        """Forget all counters: the remote ones, and those of this process."""
        if self._memory is not None:
            self._memory.reset()
        return self._call("reset")  # type: ignore[no-any-return]


def _remote_storage(uri: str, options: dict[str, Any]) -> Storage:
    made = storage_from_string(uri, **options)
    assert isinstance(made, Storage)
    return made


def default_options(scheme: str) -> dict[str, Any]:
    """Short time-outs and no second attempts, in the words of the driver behind a scheme."""
    driver, _, kind = scheme.partition("+")
    if driver in ("redis", "rediss", "valkey", "valkeys"):
        return _redis_options(driver, kind)
    if driver == "memcached":
        return {"connect_timeout": TIME_OUT, "timeout": TIME_OUT}
    if driver == "mongodb":
        milliseconds = int(TIME_OUT * 1000)
        return {
            "serverSelectionTimeoutMS": milliseconds,
            "connectTimeoutMS": milliseconds,
            "socketTimeoutMS": milliseconds,
            "retryReads": False,
            "retryWrites": False,
        }
    return {}


def _redis_options(driver: str, kind: str) -> dict[str, Any]:
    options: dict[str, Any] = {"socket_timeout": TIME_OUT, "socket_connect_timeout": TIME_OUT}
    retry = _no_retry("valkey" if driver.startswith("valkey") else "redis")
    if kind == "cluster":
        return options  # its retries follow a slot to the node that has it now
    if retry is not None:
        options["retry"] = retry
    if kind == "sentinel":
        options["sentinel_kwargs"] = dict(options)
    return options


def _no_retry(driver: str) -> Any:
    """The driver's object for "try once"; ``None`` where the driver, or that object, is missing."""
    try:
        backoff = importlib.import_module(f"{driver}.backoff")
        retry = importlib.import_module(f"{driver}.retry")
    except ImportError:
        return None
    return retry.Retry(backoff.NoBackoff(), 0)
