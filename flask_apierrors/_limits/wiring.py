"""The rate limits of an app: its Limiter, and what the rest of the package asks about it."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING

from flask import Flask

from .._core.state import AppState, current_request, request_state
from .clients import client_key
from .counting import Counting
from .flask_limiter import install_hooks, make_limiter, read_settings, watch_limiters
from .native import add_native_fields, bypasses_hooks, convert
from .quotas import Quota
from .rate_limit import declarations_of
from .settings import LIMITING_KEYS, check_limits, storage_uri

if TYPE_CHECKING:
    from flask_limiter import Limiter

_FILTERED: weakref.WeakSet[Limiter] = weakref.WeakSet()


class RateLimits:
    """The rate limits of one app.

    A Limiter is made when the first limit needs it, without its hooks. The hooks are installed when
    the author asks for the Limiter. A Limiter of the author's own, made before or after, replaces
    it.

    :raises ValueError: for a configuration that cannot be right.
    """

    def __init__(self, app: Flask, state: AppState) -> None:
        self.limiter: Limiter | None = None
        self._state = state
        self._lock = threading.RLock()
        self._counting: Counting | None = None
        self._hooked = False
        self._counts_plans = False
        self._limiters = watch_limiters(app, self._adopt)
        by_endpoint, config = state.config.rate_limits, app.config
        if self._limiters:
            self._adopt(next(iter(self._limiters)))
        elif by_endpoint or any(key.startswith("RATELIMIT_") for key in config):
            self._make(app)
        if by_endpoint or any(config.get(key) for key in LIMITING_KEYS):
            self._count_plans(app)

    def active(self) -> Counting | None:
        """Return what counts requests, or ``None`` while limits are disabled.

        Makes the Limiter if there is none.
        """
        limiter = self.limiter or self._ensure_limiter()
        return self._counting if limiter.enabled else None

    def hooked_limiter(self, app: Flask) -> Limiter:
        """Return the Limiter for its own decorators.

        Its hooks are installed, unless the app has already handled a request.
        """
        limiter = self.limiter or self._ensure_limiter()
        if self._hooked or not limiter.enabled:
            return limiter
        try:
            app.after_request(add_native_fields)
        except AssertionError:
            return limiter
        install_hooks(limiter, app, self._limiters)
        self._use(limiter, app, hooked=True)
        return limiter

    def _ensure_limiter(self) -> Limiter:
        with self._lock:
            return self.limiter or self._make(self._state.app)

    def _make(self, app: Flask) -> Limiter:
        from .storage import storage_arguments

        config = self._state.config
        key_func = app.config.get("RATELIMIT_KEY_FUNC") or client_key
        uri, options = storage_arguments(storage_uri(app.config), app.config, config.retry_after)
        limiter = make_limiter(app, self._limiters, key_func, uri, options)
        if limiter.enabled:
            check_limits(app.config, config.rate_limits)
        self._use(limiter, app, hooked=False)
        return limiter

    def _adopt(self, limiter: Limiter) -> None:
        """Use a Limiter of the author's own, which has hooks, instead of one of ours."""
        from .storage import guard_storage

        app = self._state.app
        if self._hooked or self.limiter is limiter:
            return
        if self.limiter is not None:
            self._limiters.discard(self.limiter)
        if limiter.enabled:
            guard_storage(limiter, app.config, self._state.config.retry_after)
        app.after_request(add_native_fields)
        self._use(limiter, app, hooked=True)

    def _use(self, limiter: Limiter, app: Flask, *, hooked: bool) -> None:
        from flask_limiter import RateLimitExceeded

        settings = read_settings(limiter, app, hooked=hooked)
        self._counting = Counting(limiter, settings, self._state) if limiter.enabled else None
        if limiter not in _FILTERED:
            _FILTERED.add(limiter)
            limiter.request_filter(bypasses_hooks)
        self._state.converters[RateLimitExceeded] = convert
        self._hooked = hooked
        self.limiter = limiter
        if hooked:
            self._count_plans(app)

    def _count_plans(self, app: Flask) -> None:
        if not self._counts_plans:
            self._counts_plans = True
            app.before_request(_count_plan)


def _count_plan() -> None:
    req = current_request()
    state = request_state(req)
    counting = rate_limits_of(state.app).active()
    if counting is not None:
        counting.count_plan(req, state)


# -- for the rest of the package


def use_rate_limits(app: Flask, state: AppState) -> None:
    """Install rate limits in an app.

    :raises ValueError: for a limit, a storage or a strategy that cannot be right.
    """
    state.rate_limits = RateLimits(app, state)


def rate_limits_of(state: AppState) -> RateLimits:
    """Return the rate limits of an app."""
    limits: RateLimits = state.rate_limits
    return limits


def limiter_of(app: Flask) -> Limiter:
    """Return the Limiter of an app, for its own decorators."""
    return rate_limits_of(app.extensions["apierrors"]).hooked_limiter(app)


def quotas_at(endpoint: str | None, method: str, state: AppState) -> tuple[Quota, ...]:
    """Return the quotas of an endpoint in the order in which they are counted.

    Makes no Limiter for an app without limits.

    :param endpoint: The endpoint, or ``None`` for a request that no route matches.
    :raises Exception: if a function needs a request to return its limit.
    """
    if method == "OPTIONS":
        return ()
    limits = rate_limits_of(state)
    declarations = declarations_of(state.app.view_functions.get(endpoint or ""), method)
    if limits.limiter is None and not any(each.holds_for(method) for each in declarations):
        return ()
    counting = limits.active()
    return counting.plans.quotas_at(endpoint, method) if counting else ()


def refuses_without_storage(state: AppState) -> bool:
    """Return whether a limited request gets a 503 while the storage is down."""
    counting = rate_limits_of(state).active()
    return counting is not None and counting.settings.refuses_without_storage
