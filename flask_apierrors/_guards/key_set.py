"""The keys of an identity provider: one fetch at a time, and old keys while it is away."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from .._core.errors import ApiError
from .._core.log_records import PackageLogger

#: Seconds between two attempts to get the first keys. Until then each token is a 503.
_FIRST_INTERVAL = 1.0
_logger = PackageLogger()


class KeySet:
    """The keys that an identity provider publishes (RFC 7517 section 5), by their IDs.

    A thread fetches them, so a request never waits longer than the time-out, whatever the provider
    does. While the provider is away, the last keys serve on, and no request waits for them.

    :param url: The address, for the log.
    :param fetch: Fetches the keys. Any exception means that the provider is away.
    :param time_out: The seconds that a request waits for a fetch.
    :param lifespan: The seconds after which the keys are fetched again.
    :param cooldown: The least number of seconds between two fetches, if there are keys. Clients
        that make up key IDs cause no more than that.
    """

    def __init__(
        self,
        url: str,
        fetch: Callable[[], Mapping[str, Any]],
        *,
        time_out: float,
        lifespan: float,
        cooldown: float,
    ) -> None:
        self._url = url
        self._fetch = fetch
        self._time_out = time_out
        self._lifespan = lifespan
        self._cooldown = min(cooldown, lifespan)
        self._keys: Mapping[str, Any] = {}
        self._is_failing = False
        self._expiry = self._next_fetch = self._deadline = -math.inf
        self._fetcher: threading.Thread | None = None
        self._lock = threading.Lock()

    def find(self, key_id: str) -> Any:
        """Return the key with an ID, or ``None`` if the provider has no such key.

        :raises ApiError: a 503, if the provider is away and may have such a key.
        """
        key = self._keys.get(key_id)
        if key is not None and time.monotonic() < self._expiry:
            return key
        fetcher = self._current_fetcher()
        if fetcher is not None and (key is None or not self._is_failing):
            fetcher.join(max(0.0, self._deadline - time.monotonic()))
        key = self._keys.get(key_id)
        is_open = self._is_failing or (fetcher is not None and fetcher.is_alive())
        if key is None and is_open:
            raise ApiError(status=503)
        return key

    def _current_fetcher(self) -> threading.Thread | None:
        """Return the thread that fetches, and start it if it is time."""
        with self._lock:
            # After a fork, a thread of the parent is not alive.
            if self._fetcher is None or not self._fetcher.is_alive():
                now = time.monotonic()
                if now < self._next_fetch:
                    return None
                self._fetcher = threading.Thread(target=self._replace_keys, daemon=True)
                self._fetcher.start()
                self._deadline = now + self._time_out
            return self._fetcher

    def _replace_keys(self) -> None:
        was_failing = self._is_failing
        try:
            self._keys = self._fetch()
        except Exception as failure:
            self._is_failing = True
            pause = self._cooldown if self._keys else min(self._cooldown, _FIRST_INTERVAL)
            self._next_fetch = time.monotonic() + pause
            if not was_failing:
                _logger.warning(
                    "No keys from %s: %r. The last keys that it sent serve on. Tokens that need "
                    "others get a 503.",
                    self._url,
                    failure,
                )
        else:
            self._is_failing = False
            self._expiry = time.monotonic() + self._lifespan
            self._next_fetch = time.monotonic() + self._cooldown
            if was_failing:
                _logger.warning("%s sends keys again.", self._url)
