"""The storage of rate limits: while a remote one fails, requests are counted in memory."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from operator import methodcaller
from typing import Any

from flask import has_request_context
from limits.errors import ConfigurationError
from limits.storage import MovingWindowSupport, SlidingWindowCounterSupport, Storage

from .._core.log_records import PackageLogger
from .._core.state import current_request, request_state
from .drivers import DEADLINE, connect, time_out
from .memory import ProcessMemory
from .refusals import StorageFailed

#: Seconds between two attempts to use a storage that failed.
PROBE_INTERVAL = 1.0
#: Seconds between two warnings about a storage that does not come back.
REMINDER_INTERVAL = 3600.0

#: Counts once, as requests do: a storage may answer a ping and refuse to count.
_PROBE = methodcaller("incr", "apierrors-probe", 1)
_NO_ANSWER = object()
_logger = PackageLogger()


def _guarded(name: str) -> Any:
    """Return a method of a storage that the remote one answers, or memory while it fails."""

    def method(self: GuardedStorage, *args: Any, **options: Any) -> Any:
        return self._answer(methodcaller(name, *args, **options))

    return method


class GuardedStorage(Storage, MovingWindowSupport, SlidingWindowCounterSupport):
    """A remote storage that never fails its callers.

    It has two states. While it is *healthy*, calls go to the remote storage. While it has *fallen
    back*, calls go to memory, where each process counts alone, and a thread tries the remote
    storage each :data:`PROBE_INTERVAL`, with new connections, and makes the call that failed.
    Each change of the state is one warning.

    A call that fails at once is made again, because an idle connection may have ended. If it fails
    again, another key tells whether the storage has failed or refuses this key alone. A call that
    fails after a time-out is not made again. All calls of one request have one deadline, which is
    twice the time-out. So a request waits for a broken storage only until that is discovered.

    :param uri: The URI of the remote storage.
    :param fallback: Whether to count in memory meanwhile. Otherwise each call raises a 503.
    :param options: Options of the remote storage, which replace its short default time-outs.
    :raises ConfigurationError: for an unknown storage.
    :raises ImportError: for a driver that is not installed.
    """

    #: The errors of the storage that a call may raise.
    base_exceptions = ()

    def __init__(self, uri: str, *, fallback: bool = True, **options: Any) -> None:
        super().__init__()
        self._uri = uri
        self._options = options
        self._time_out = time_out(uri, options)
        self._memory = ProcessMemory() if fallback else None
        self._meanwhile = (
            "Limits are counted in memory, by each process alone,"
            if fallback
            else "Limited requests get a 503"
        )
        #: Whether requests are counted in memory while the remote storage fails.
        self.falls_back = fallback
        self._lock = threading.Lock()
        self._prober: threading.Thread | None = None
        self._next_probe = self._next_reminder = 0.0
        self._refusals: set[str] = set()
        #: Whether calls go to the remote storage.
        self.healthy = True
        self._failed_call: Callable[[Any], Any] = _PROBE
        #: The remote storage; ``None`` if it has to be reached to exist, and never was.
        self.remote: Any = None
        try:
            self.remote = connect(uri, options)  # a Redis cluster connects now
        except (ConfigurationError, ImportError, TypeError, ValueError):
            raise  # a mistake in the configuration, which does not pass with time
        except Exception as failure:
            self._fall_back(failure, _PROBE)

    # -- the interface of limits

    incr = _guarded("incr")
    get = _guarded("get")
    get_expiry = _guarded("get_expiry")
    clear = _guarded("clear")
    acquire_entry = _guarded("acquire_entry")
    get_moving_window = _guarded("get_moving_window")
    acquire_sliding_window_entry = _guarded("acquire_sliding_window_entry")
    get_sliding_window = _guarded("get_sliding_window")
    clear_sliding_window = _guarded("clear_sliding_window")

    @property
    def storage(self) -> Any:
        """The client of the driver, for ``flask limiter config``."""
        return getattr(self.remote, "storage", None)

    def check(self) -> bool:
        """Return whether the remote storage answers. For the command line: waits for it."""
        return self.remote is not None and self.remote.check()

    def reset(self) -> int | None:
        """Forget all counters, the remote ones and those of this process.

        :raises Exception: if the remote storage fails, or cannot do that.
        """
        if self._memory is not None:
            self._memory.reset()
        return None if self.remote is None else self.remote.reset()

    # -- the remote storage

    def _answer(self, call: Callable[[Any], Any]) -> Any:
        if self.healthy:
            answer = self._ask(call)
            if answer is not _NO_ANSWER:
                return answer
        elif time.monotonic() >= self._next_probe:
            self._start_probe()
        if self._memory is None:
            raise StorageFailed
        return call(self._memory)

    def _ask(self, call: Callable[[Any], Any]) -> Any:
        """Call the remote storage in the time that the request has left for it."""
        state = request_state(current_request()) if has_request_context() else None
        begun = time.monotonic()
        left = 2 * self._time_out - (state.storage_seconds if state else 0.0)
        DEADLINE.at = begun + left
        try:
            DEADLINE.left()
            return call(self.remote)
        except Exception as failure:
            if time.monotonic() - begun >= min(left, self._time_out):
                return self._fall_back(failure, call)
            return self._ask_again(call)
        finally:
            DEADLINE.at = math.inf
            if state:
                state.storage_seconds += time.monotonic() - begun

    def _ask_again(self, call: Callable[[Any], Any]) -> Any:
        """Repeat a call that failed at once. If it fails again, ask about another key."""
        try:
            return call(self.remote)
        except Exception as failure:
            refusal = type(failure).__name__  # the text may contain what a client sent
        try:
            DEADLINE.left()
            _PROBE(self.remote)
        except Exception as failure:
            return self._fall_back(failure, call)
        if refusal not in self._refusals:
            self._refusals.add(refusal)
            _logger.warning(
                "The storage of the rate limits works, but refused a key: %s. %s for that key.",
                refusal,
                self._meanwhile,
            )
        return _NO_ANSWER

    # -- the two states

    def _fall_back(self, failure: Exception, call: Callable[[Any], Any]) -> Any:
        with self._lock:
            if self.healthy:
                self._next_probe = time.monotonic() + PROBE_INTERVAL
                self._failed_call = call
                self.healthy = False
                self._warn("failed", failure)
        return _NO_ANSWER

    def _warn(self, what: str, failure: Exception) -> None:
        self._next_reminder = time.monotonic() + REMINDER_INTERVAL
        _logger.warning(
            "The storage of the rate limits %s: %s: %s. %s until it is back.",
            what,
            type(failure).__name__,
            failure,
            self._meanwhile,
        )

    def _start_probe(self) -> None:
        with self._lock:
            # After a fork, the prober of the parent process is not alive.
            if self.healthy or (self._prober is not None and self._prober.is_alive()):
                return
            self._next_probe = time.monotonic() + PROBE_INTERVAL
            self._prober = threading.Thread(
                target=self._probe, name="rate-limit-storage-probe", daemon=True
            )
            self._prober.start()

    def _probe(self) -> None:
        DEADLINE.at = time.monotonic() + 2 * self._time_out
        try:
            remote = connect(self._uri, self._options)
            _PROBE(remote)
        except Exception as failure:
            if time.monotonic() >= self._next_reminder:
                self._warn("still fails", failure)
            return
        begun = time.monotonic()
        DEADLINE.at = begun + self._time_out
        with suppress(Exception):
            self._failed_call(remote)  # maybe for another node of a cluster
        if time.monotonic() - begun >= self._time_out:
            return  # requests would wait for that node
        with self._lock:
            self.remote = remote
            self.healthy = True
        _logger.warning("The storage of the rate limits is back.")
