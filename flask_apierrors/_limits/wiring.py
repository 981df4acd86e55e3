"""The rate limits of an app: its Limiters, and what the rest of the package asks about them."""

from __future__ import annotations

import threading
from collections.abc import Collection
from typing import TYPE_CHECKING

from flask import Flask, has_app_context

from .._core.hooks import Hooks
from .._core.road import KEEP
from .._core.state import AppState, app_state, current_flask, current_request, request_state
from .counting import Counting
from .flask_limiter import (
    LIMITING_KEYS,
    Limiters,
    Place,
    check_config,
    count_instead,
    guard_storage,
    make_decorators,
    make_limiter,
    replace_hook,
)
from .plans import check_endpoints
from .quotas import Counters, Quota
from .rate_limit import declarations_of
from .refusals import convert, exceeded_class

if TYPE_CHECKING:
    from flask_limiter import Limiter


class RateLimits:
    """The rate limits of one app.

    A Limiter is made when the first limit needs it. A Limiter of the author's own, made before or
    after, replaces it. Whichever it is, this package counts for it.

    :raises ValueError: for a configuration that cannot be right.
    """

    def __init__(self, app: Flask, state: AppState) -> None:
        self.limiter: Limiter | None = None
        #: Until when an address is counted before its credentials are verified.
        self.refused: dict[str, float] = {}
        self._state = state
        self._lock = threading.RLock()
        self._countings: dict[Limiter, Counting] = {}
        #: Whether the first Limiter is the author's.
        self.is_adopted = False
        self._counts_plans = False
        by_endpoint, config = state.config.rate_limits, app.config
        check_config(config, by_endpoint)
        self._limiters = Limiters(app, self._adopt)
        for limiter in list(self._limiters):
            self._adopt(limiter)
        is_configured = by_endpoint or any(key.startswith("RATELIMIT_") for key in config)
        if self.limiter is None and (is_configured or state.hooks.limiter is not None):
            self._make(app)
        if by_endpoint or any(config.get(key) for key in LIMITING_KEYS):
            self._count_plans(app)
        if by_endpoint:
            state.first_steps += (check_endpoints,)

    def active(self) -> Counting | None:
        """Return what counts requests, or ``None`` while limits are disabled.

        Makes the Limiter if there is none.
        """
        limiter = self.limiter or self._ensure_limiter()
        return self._countings.get(limiter) if limiter.enabled else None

    @property
    def counters(self) -> Counters | None:
        """The counters of the app, or ``None`` while limits are disabled."""
        counting = self.active()
        return None if counting is None else counting.counters

    def counting_of(self, limiter: Limiter) -> Counting | None:
        """Return what counts for a Limiter of the app, or for the decorators of all apps."""
        if limiter is self._state.hooks.limiter:
            return self.active()
        return self._countings.get(limiter) if limiter.enabled else None

    def public_limiter(self) -> Limiter:
        """Return the Limiter for the author, whose decorators then count."""
        limiter = self.limiter or self._ensure_limiter()
        if self._publish(limiter):
            try:
                self._count_plans(self._state.app)
            except AssertionError:
                pass  # the app has handled a request, so only decorators can count
        return limiter

    def _ensure_limiter(self) -> Limiter:
        with self._lock:
            return self.limiter or self._make(self._state.app)

    def _make(self, app: Flask) -> Limiter:
        decorators = self._state.hooks.limiter
        limiter = make_limiter(app, self._limiters, decorators)
        self._use(limiter)
        if decorators is not None:
            self.public_limiter()
        return limiter

    def _adopt(self, limiter: Limiter) -> None:
        """Count for a Limiter of the author's own. The first one replaces ours."""
        app = self._state.app
        if limiter.enabled:
            guard_storage(limiter, app.config)
        if not self.is_adopted:
            self._limiters.discard(self.limiter)
            self.limiter, self.is_adopted = None, True
        self._use(limiter)
        if self._publish(limiter):
            replace_hook(limiter, app)

    def _use(self, limiter: Limiter) -> None:
        from flask_limiter import RateLimitExceeded

        self._state.converters[RateLimitExceeded] = convert
        self._state.converters[exceeded_class()] = KEEP
        if limiter.enabled:
            is_first = self.limiter is None
            self._countings[limiter] = Counting(limiter, self._state, is_first=is_first)
        self.limiter = self.limiter or limiter

    def _publish(self, limiter: Limiter) -> bool:
        """Let the decorators of a Limiter count, if they don't yet."""
        counting = self._countings.get(limiter)
        if counting is None or counting.is_public:
            return False
        counting.is_public = True
        count_instead(limiter, _count)
        return True

    def _count_plans(self, app: Flask) -> None:
        if not self._counts_plans:
            app.before_request(_count_plan)
            self._counts_plans = True


def _count_plan() -> None:
    """Count a request before its view. The Limiter of an author does that in its own hook."""
    state = app_state()
    limits = rate_limits_of(state)
    counting = None if limits.is_adopted else limits.active()
    if counting is not None:
        req = current_request()
        counting.count(None, req, request_state(req, state))


def _count(limiter: Limiter, name: str | None) -> bool:
    """Count in the hook of a Limiter, or in its decorator of a function, if this app counts it."""
    state: AppState | None = current_flask().extensions.get("apierrors")
    counting = None if state is None else rate_limits_of(state).counting_of(limiter)
    if counting is None:
        return False
    req = current_request()
    counting.count(name, req, request_state(req, state))
    return True


# -- for the rest of the package


def rate_limits_of(state: AppState) -> RateLimits:
    """Return the rate limits of an app."""
    limits: RateLimits = state.rate_limits
    return limits


def limiter_of(hooks: Hooks, apps: Collection[Flask]) -> Limiter:
    """Return the Limiter of an app, for its own decorators.

    :param hooks: The hooks of an ``ApiErrors``.
    :param apps: Its apps.
    :returns: The current app's. Outside an app context, the one of the only app; and before there
        is an app, one whose decorators hold for all.
    :raises RuntimeError: if it is not clear which app is meant.
    """
    if has_app_context():
        return rate_limits_of(app_state()).public_limiter()
    if hooks.limiter is None:
        if len(apps) > 1:
            raise RuntimeError("There are several apps. Use errors.limiter in an app context.")
        if apps:
            (app,) = apps
            return rate_limits_of(app.extensions["apierrors"]).public_limiter()
        hooks.limiter = make_decorators()
        count_instead(hooks.limiter, _count)
    limiter: Limiter = hooks.limiter
    return limiter


def quotas_at(endpoint: str | None, method: str, state: AppState) -> tuple[tuple[Quota, ...], bool]:
    """Return the quotas of an endpoint as they are counted, and whether a function returns more.

    Makes no Limiter for an app without limits.

    :param endpoint: The endpoint, or ``None`` for a request that no route matches.
    :raises Exception: if a function needs a request to return its limit.
    """
    limits, name = rate_limits_of(state), endpoint or ""
    if limits.limiter is None and not declarations_of(state.app.view_functions.get(name), method):
        return (), False
    counting = limits.active()
    return counting.plans.quotas_at(Place(name, name, method)) if counting else ((), False)


def refuses_without_storage(state: AppState) -> bool:
    """Return whether a limited request gets a 503 while the storage is down."""
    counting = rate_limits_of(state).active()
    return bool(counting and counting.counters.can_fail and not counting.limiter.swallows_errors)


def sends_fields(state: AppState) -> bool:
    """Return whether each response to a limited request has the fields of its limits."""
    counting = rate_limits_of(state).active()
    return counting is not None and bool(counting.limiter.legacy_field_names)
