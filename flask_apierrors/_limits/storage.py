"""The storage of rate limits: while a remote one fails, requests are counted in memory."""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from limits.errors import ConfigurationError
from limits.storage import (
    MemoryStorage,
    MovingWindowSupport,
    SlidingWindowCounterSupport,
    Storage,
    storage_from_string,
)

from .._core.log_records import PackageLogger
from .flask_limiter import RareSweeps, driver_of, replace_storage, storage_of
from .quotas import StorageFailed
from .settings import falls_back, storage_scheme, storage_uri

if TYPE_CHECKING:
    from flask_limiter import Limiter

#: Seconds that a request waits for a connection, and then for an answer. Together less than one.
TIME_OUT = 0.4
#: Seconds between two attempts to use a storage that failed.
PROBE_INTERVAL = 1.0

_SCHEME = "guarded"
_MEMORY_SCHEME = "swept-memory"
_PROBE_KEY = "apierrors-probe"
_logger = PackageLogger()


def storage_arguments(config: Mapping[str, Any], retry_after: int) -> tuple[str, dict[str, Any]]:
    """Return the URI and the options with which ``limits`` makes the guarded storage of an app."""
    uri = storage_uri(config)
    if storage_scheme(uri) == "memory":
        return f"{_MEMORY_SCHEME}://", {}
    return f"{_SCHEME}:{uri}", {"fallback": falls_back(config), "retry_after": retry_after}


def guard_storage(limiter: Limiter, config: Mapping[str, Any], retry_after: int) -> None:
    """Guard the storage of an author's Limiter. Its own decorators then use the guarded one."""
    storage = storage_of(limiter)
    if not isinstance(storage, MemoryStorage | GuardedStorage):
        fallback = falls_back(config)
        guarded = GuardedStorage(storage, fallback=fallback, retry_after=retry_after)
        replace_storage(limiter, guarded)


class SweptMemory(RareSweeps, MemoryStorage):
    """The counters of one process, without the cost of ``MemoryStorage``'s frequent sweeps."""

    STORAGE_SCHEME = [_MEMORY_SCHEME]  # noqa: RUF012 - declared so by the base class


class GuardedStorage(Storage, MovingWindowSupport, SlidingWindowCounterSupport):
    """A remote storage that never fails its callers.

    It has two states. While it is *healthy*, calls go to the remote storage. The first call that
    fails changes the state, with one warning. While it has *fallen back*, calls go to memory, where
    each process counts alone. A thread tries the remote storage each :data:`PROBE_INTERVAL`, and
    the first success changes the state back. So a request waits for a broken storage only until the
    failure is discovered.

    :param remote: The URI of the remote storage, after ``guarded:``, or the storage itself.
    :param fallback: Whether to count in memory meanwhile. Otherwise each call raises a 503.
    :param retry_after: Seconds for the ``Retry-After`` of that 503.
    :param options: Options of the remote storage, which replace its short default time-outs.
    :raises ConfigurationError: for an unknown storage, or a driver that is not installed.
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
        """Whether calls go to the remote storage."""
        return self._healthy

    @property
    def remote(self) -> Storage | None:
        """The remote storage; ``None`` if it has to be reached to exist, and never was."""
        return self._remote

    @property
    def storage(self) -> Any:
        """The client of the driver, for ``flask limiter config``."""
        return driver_of(self._remote)

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        """The errors of the storage that a call may raise: none."""
        return ()

    # -- the two states

    def _connect_at_start(self) -> None:
        """Make the remote storage. A Redis cluster connects now, the others on first use."""
        try:
            self._remote = _remote_storage(self._uri, self._options)
        except (ConfigurationError, ImportError, TypeError, ValueError):
            raise  # a mistake in the configuration, which does not pass with time
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
        meanwhile = (
            "Limits are counted in memory, by each process alone,"
            if self._memory
            else "Limited requests get a 503"
        )
        _logger.warning(
            "The storage of the rate limits failed: %s: %s. %s until it is back.",
            type(failure).__name__,
            failure,
            meanwhile,
        )

    def _start_probe(self) -> None:
        with self._lock:
            # After a fork, the prober of the parent process is not alive in the child.
            if self._healthy or (self._prober is not None and self._prober.is_alive()):
                return
            self._next_probe = time.monotonic() + PROBE_INTERVAL
            self._prober = threading.Thread(
                target=self._probe, name="rate-limit-storage-probe", daemon=True
            )
            self._prober.start()

    def _probe(self) -> None:
        """Count once, as requests do: a storage may answer a ping and refuse to count."""
        try:
            if self._remote is None:
                self._remote = _remote_storage(self._uri, self._options)
            self._remote.incr(_PROBE_KEY, 1)
        except Exception:
            return
        with self._lock:
            self._healthy = True
        _logger.warning("The storage of the rate limits is back.")

    # -- the interface of limits

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add to a counter, and return its value. It expires ``expiry`` seconds after its start."""
        return self._call("incr", key, expiry, amount)  # type: ignore[no-any-return]

    def get(self, key: str) -> int:
        """Return the value of a counter."""
        return self._call("get", key)  # type: ignore[no-any-return]

    def get_expiry(self, key: str) -> float:
        """Return when a counter expires, in seconds since the epoch."""
        return self._call("get_expiry", key)  # type: ignore[no-any-return]

    def clear(self, key: str) -> None:
        """Forget a counter."""
        self._call("clear", key)

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Take places in a moving window, if it has them."""
        return self._call(  # type: ignore[no-any-return]
            "acquire_entry", key, limit, expiry, amount
        )

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """Return when a moving window began, and how many of its places are taken."""
        return self._call("get_moving_window", key, limit, expiry)  # type: ignore[no-any-return]

    def acquire_sliding_window_entry(
        self, key: str, limit: int, expiry: int, amount: int = 1
    ) -> bool:
        """Take places in a sliding window, if it has them."""
        return self._call(  # type: ignore[no-any-return]
            "acquire_sliding_window_entry", key, limit, expiry, amount
        )

    def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """Return the counters of the previous and the current window, each with its time left."""
        return self._call("get_sliding_window", key, expiry)  # type: ignore[no-any-return]

    def clear_sliding_window(self, key: str, expiry: int) -> None:
        """Forget both windows."""
        self._call("clear_sliding_window", key, expiry)

    def check(self) -> bool:
        """Return whether the remote storage answers. For the command line: waits for it."""
        return self._remote is not None and self._remote.check()

    def reset(self) -> int | None:
        """Forget all counters, the remote ones and those of this process."""
        if self._memory is not None:
            self._memory.reset()
        return self._call("reset")  # type: ignore[no-any-return]


def _remote_storage(uri: str, options: dict[str, Any]) -> Storage:
    storage = storage_from_string(uri, **options)
    assert isinstance(storage, Storage)
    return storage


def default_options(scheme: str) -> dict[str, Any]:
    """Return options for short time-outs and no retries, by the names that the driver uses."""
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
    if kind == "cluster":
        return options  # its retries follow a slot that has moved to another node
    retry = _no_retry("valkey" if driver.startswith("valkey") else "redis")
    if retry is not None:
        options["retry"] = retry
    if kind == "sentinel":
        options["sentinel_kwargs"] = dict(options)
    return options


def _no_retry(driver: str) -> Any:
    """Return the driver's object for a single attempt, or ``None``."""
    try:
        backoff = importlib.import_module(f"{driver}.backoff")
        retry = importlib.import_module(f"{driver}.retry")
    except ImportError:
        return None
    return retry.Retry(backoff.NoBackoff(), 0)
