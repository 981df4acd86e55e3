"""Rate limits: what limits an endpoint, the counting of a request, the answer when it is one too many.

The counters, their storages and the ``RATELIMIT_*`` configuration are Flask-Limiter's. The limits themselves are looked up
and parsed once for each endpoint here, and counted on Flask-Limiter's strategy object; ``docs/rate-limits.md`` says why.
Flask-Limiter is not imported before an app needs it.
"""

from __future__ import annotations

import difflib
import logging
import math
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from inspect import signature
from typing import TYPE_CHECKING, Any, NamedTuple

from flask import Flask, Request, Response
from werkzeug.exceptions import ServiceUnavailable

from .._core.config import REFERENCE_ENDPOINT
from .._core.http import HeaderPairs, delay_seconds
from .._core.ready_response import add_fields, field_of, is_error, is_ready
from .._core.state import AppState, RequestState, current_request, request_state
from .._guards.guard import Check, Order, guard
from .._guards.marks import Mark, View, marks_of
from .clients import client_key, client_of
from .flask_limiter import Limiters, guard_storage, is_native, make_limiter, read_settings
from .native import add_native_fields, converted, is_not_for_native
from .quotas import (
    Counters,
    Quota,
    QuotaExceeded,
    Spent,
    identifiers,
    in_order,
    nearest_of,
    parse_limit,
    policy_names,
    quota_exceeded,
    rate_limit_fields,
)
from .settings import LIMITING_KEYS, LimiterSettings

if TYPE_CHECKING:
    from flask_limiter import Limiter
    from flask_limiter._limits import RuntimeLimit

_logger = logging.getLogger("flask_apierrors")
#: What Flask-Limiter writes for each exceeded limit is written here too.
_exceeded_logger = logging.getLogger("flask-limiter")
_MOST_PLANS = 4_096


# -- the decorator


class Spec:
    """What ``rate_limit`` was given for one view."""

    __slots__ = ("limit", "options")

    def __init__(self, limit: str | Callable[[], str], options: Mapping[str, Any]) -> None:
        self.limit = limit
        self.options = options

    @property
    def overrides_defaults(self) -> bool:
        """Do the default limits not hold where this one does?"""
        return bool(self.options.get("override_defaults", True))

    def holds_for(self, method: str) -> bool:
        """Is a method among those that it names, if it names any?"""
        methods = self.options.get("methods")
        return methods is None or method.lower() in {name.lower() for name in methods}


def rate_limit(limit: str | Callable[[], str], **options: Any) -> Callable[[View], View]:
    """Limit how often a client may call a view; more gets a 429 that says when to try again (RFC 6585 section 4).

    :param limit: Such as ``"10/second"`` or ``"10/second; 1000/day"``, or a function that returns such a text.
    :param options: Those of Flask-Limiter's ``Limiter.limit``: ``key_func``, ``per_method``, ``methods``,
        ``error_message``, ``exempt_when``, ``override_defaults``, ``deduct_when``, ``on_breach``, ``cost``, ``scope``,
        ``meta_limits``.
    :raises ValueError: when the limit cannot be read.
    :raises TypeError: for an option that Flask-Limiter does not have.
    """
    from flask_limiter import Limiter

    try:
        signature(Limiter.limit).bind(None, limit, **options)
    except TypeError as error:
        raise TypeError(
            f"@rate_limit: {error}. It takes the options of Flask-Limiter's Limiter.limit."
        ) from None
    if not callable(limit):
        parse_limit(limit, f"@rate_limit({limit!r})")
    spec = Spec(limit, options)

    def check(req: Request, state: RequestState) -> None:
        limits: RateLimits = state.app.rate_limits
        if limits.enabled:
            limits.count_view(spec, req, state)

    return lambda view: guard(
        view, Mark("rate_limit", (limit, spec), is_guard=False), Check(Order.RATE_LIMIT, check)
    )


# -- all limits of one app


class Plan(NamedTuple):
    """What holds for one method of one endpoint, before its view is called."""

    quotas: tuple[Quota, ...] = ()
    #: Is there nothing here for Flask-Limiter's own hooks to count?
    governed: bool = False
    #: Did the administrator replace what the view's decorators say?
    replaced: bool = False


class RateLimits:
    """What one app limits: its Limiter, the plans of its endpoints, and the counting of a request.

    :param app: The app; a Limiter that it has already, or gets later, is used.
    :raises ValueError: for a configuration that cannot be right.
    """

    def __init__(self, app: Flask, state: AppState) -> None:
        self._state = state
        self._lock = threading.RLock()
        self._limiter: Limiter | None = None
        self.settings: LimiterSettings
        self.counters: Counters
        #: Are Flask-Limiter's own hooks at work in this app?
        self._hooked = False
        self._watching = False
        self._checked = not state.config.rate_limits
        self._replaces = bool(state.config.rate_limits)
        self._plans: dict[tuple[str | None, str | None, str], Plan] = {}
        self._views: dict[tuple[Spec, str, str], tuple[Quota, ...]] = {}
        limiters = app.extensions.get("limiter", ())
        app.extensions["limiter"] = Limiters(limiters, self.adopt)
        if limiters:
            self.adopt(next(iter(limiters)))
        elif state.config.rate_limits or any(key.startswith("RATELIMIT_") for key in app.config):
            self._make(app)
        if state.config.rate_limits or any(app.config.get(key) for key in LIMITING_KEYS):
            self._watch(app)

    # -- the Limiter

    @property
    def enabled(self) -> bool:
        """Is anything limited? Makes the Limiter, if nobody has."""
        return (self._limiter or self._made()).enabled

    def _made(self) -> Limiter:
        with self._lock:
            if self._limiter is None:
                self._make(self._state.app)
            assert self._limiter is not None
            return self._limiter

    def _make(self, app: Flask) -> None:
        self._use(
            make_limiter(app, self._state, app.config.get("RATELIMIT_KEY_FUNC") or client_key), app
        )

    def adopt(self, limiter: Limiter) -> None:
        """Use a Limiter that the app's author made, with its hooks, instead of one of ours."""
        app = self._state.app
        if self._hooked or self._limiter is limiter:
            return
        if self._limiter is not None:
            app.extensions["limiter"].discard(self._limiter)
        if limiter.enabled:
            guard_storage(limiter, app, self._state.config.retry_after)
        self._use(limiter, app, hooked=True)
        app.after_request(add_native_fields)
        self._use_hooks(app)

    def native(self, app: Flask) -> Limiter:
        """The Limiter, for its own decorators: with its hooks, unless the app has answered requests already."""
        limiter = self._made()
        if self._hooked or not limiter.enabled:
            return limiter
        try:
            app.after_request(add_native_fields)
        except AssertionError:
            return limiter
        app.extensions["limiter"].discard(limiter)
        limiter.init_app(app)
        self._use(limiter, app, hooked=True)
        self._use_hooks(app)
        return limiter

    def _use(self, limiter: Limiter, app: Flask, *, hooked: bool = False) -> None:
        from flask_limiter import RateLimitExceeded

        self.settings = read_settings(limiter, app, hooked=hooked)
        self._has_meta_limits = bool(self.settings.meta_limit)
        if limiter.enabled:
            self.counters = Counters(limiter.limiter, self.settings.key_prefix)
        if limiter not in _FILTERED:
            _FILTERED.add(limiter)
            limiter.request_filter(is_not_for_native)
        self._state.converters[RateLimitExceeded] = converted
        self._plans.clear()
        self._views.clear()
        self._limiter = limiter

    def _use_hooks(self, app: Flask) -> None:
        self._hooked = True
        self._watch(app)

    def _watch(self, app: Flask) -> None:
        if not self._watching:
            self._watching = True
            app.before_request(_count_configured)

    # -- which limits hold where

    def plan(self, endpoint: str | None, identity: str, method: str) -> Plan:
        """What holds for an endpoint before its view is called; looked up once, unless a function gives the limit."""
        key = (endpoint, identity, method)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._made_plan(endpoint, identity, method)
            if len(self._plans) < _MOST_PLANS and not (plan.quotas and self.settings.limits_vary):
                self._plans[key] = plan
        return plan

    def _made_plan(self, endpoint: str | None, identity: str, method: str) -> Plan:
        known = self._made().limit_manager
        if endpoint is None:
            # No route: only a limit of the whole app can mean this request.
            return (
                Plan()
                if self._hooked
                else Plan(self._quotas("application", known.application_limits, "", method))
            )
        if endpoint == REFERENCE_ENDPOINT:
            # It explains the very 429 that a client got, and costs nothing.
            return Plan(governed=True)
        for_all = self._quotas("application", known.application_limits, identity, method)
        found, limit = configured_limit(self._state.config.rate_limits, endpoint)
        if found:
            own = (
                self._quotas("endpoint", self._made().limit(limit), identity, method)
                if limit
                else ()
            )
            return Plan(in_order(for_all + own) if limit else (), governed=True, replaced=True)
        if endpoint.rpartition(".")[2] == "static":
            return Plan()
        view = self._state.app.view_functions.get(endpoint)
        specs = specs_of(view, method)
        # As in Flask-Limiter: a decorated limit replaces the default ones, for the methods that it names.
        decorated = any(spec.holds_for(method) for spec in specs) and any(
            spec.overrides_defaults for spec in specs
        )
        if self._hooked:
            # Its hooks count for the views that have its own decorators, and for those that have none.
            return Plan(for_all, governed=True) if decorated and not is_native(view) else Plan()
        if decorated or is_native(view):
            return Plan(for_all)
        return Plan(
            in_order(for_all + self._quotas("default", known.default_limits, identity, method))
        )

    def quotas_at(self, endpoint: str | None, method: str) -> tuple[Quota, ...]:
        """The limits of an endpoint, for the catalogue, as they are counted. Makes no Limiter where nothing is limited.

        :raises Exception: whatever a function raises that gives a limit, when it cannot do without a request.
        """
        app, name = self._state.app, endpoint or ""
        specs = [
            spec
            for spec in specs_of(app.view_functions.get(name), method)
            if spec.holds_for(method)
        ]
        if method == "OPTIONS" or (self._limiter is None and not specs) or not self.enabled:
            return ()
        plan = self.plan(endpoint, name, method)
        if plan.replaced:
            return plan.quotas
        quotas = list(plan.quotas)
        if self._hooked and not plan.governed and endpoint is not None:
            quotas += self._native_quotas(endpoint, method)
        for spec in specs:
            quotas += self._view_quotas(spec, name, method)
        return tuple(quotas)

    def _native_quotas(self, endpoint: str, method: str) -> tuple[Quota, ...]:
        """What Flask-Limiter's own hooks and decorators count."""
        known = self._made().limit_manager
        blueprint = endpoint.rpartition(".")[0] or None
        for_all = self._quotas("application", known.application_limits, endpoint, method)
        default, own = known.resolve_limits(self._state.app, endpoint, blueprint)
        return (
            for_all
            + self._quotas("default", default, endpoint, method)
            + self._quotas("endpoint", own, endpoint, method)
        )

    def _quotas(
        self, source: str, limits: Iterable[RuntimeLimit], identity: str, method: str
    ) -> tuple[Quota, ...]:
        prefix = self.counters.prefix
        quotas = in_order(
            Quota(source, limit, prefix, limit.scope_for(identity, method), client_key)
            for limit in limits
        )
        self._has_meta_limits = self._has_meta_limits or any(
            quota.runtime.meta_limits for quota in quotas
        )
        return quotas

    def _view_quotas(self, spec: Spec, identity: str, method: str) -> tuple[Quota, ...]:
        key = (spec, identity, method)
        quotas = self._views.get(key)
        if quotas is None:
            quotas = self._quotas(
                "endpoint", self._made().limit(spec.limit, **spec.options), identity, method
            )
            fixed = not callable(spec.limit) and not callable(spec.options.get("scope"))
            if fixed and len(self._views) < _MOST_PLANS:
                self._views[key] = quotas
        return quotas

    def _identity(self, req: Request) -> str:
        return (
            self._made().identify_request()
            if self.settings.has_request_identifier
            else req.endpoint or ""
        )

    # -- the counting of a request

    def count_configured(self, req: Request, state: RequestState) -> None:
        """Count for the limits that come from the configuration."""
        if not self._checked:
            check_endpoints(self._state.app, self._state.config.rate_limits)
            self._checked = True
        if req.method == "OPTIONS":
            return
        plan = self.plan(req.endpoint, self._identity(req), req.method)
        if plan.quotas or (self.settings.fallback_limit and not plan.replaced):
            self._count(plan.quotas, req, state)

    def count_view(self, spec: Spec, req: Request, state: RequestState) -> None:
        """Count for what a view's decorator says."""
        method = req.method
        if method == "OPTIONS":
            return
        identity = (
            self._identity(req) if self.settings.has_request_identifier else req.endpoint or ""
        )
        if self._replaces and self.plan(req.endpoint, identity, method).replaced:
            return
        self._count(self._view_quotas(spec, identity, method), req, state)

    def _count(self, quotas: tuple[Quota, ...], req: Request, state: RequestState) -> None:
        spent = state.spent
        if spent is None:
            spent = state.spent = []
            state.complete = self._complete
        if self.settings.fallback_limit and not self._is_healthy():
            if spent:
                return
            quotas = self._quotas(
                "fallback",
                self._made().limit(self.settings.fallback_limit),
                self._identity(req),
                req.method,
            )
        try:
            if len(quotas) == 1 and quotas[0].is_plain and not self._has_meta_limits:
                self._take_one(quotas[0], spent, req, state)
            else:
                self._take_all(quotas, spent, req, state)
        except ServiceUnavailable as failure:
            from .storage import StorageFailed

            if not isinstance(failure, StorageFailed):
                raise
            spent.clear()
            if not self.settings.swallows_errors:
                raise

    def _is_healthy(self) -> bool:
        return bool(getattr(self.counters.strategy.storage, "healthy", True))

    def _take_one(
        self, quota: Quota, spent: list[Spent], req: Request, state: RequestState
    ) -> None:
        """Count for a quota without options: what most requests do, and so in as few steps as can be."""
        one = Spent(quota, client_of(req, state), quota.cost or 1)
        spent.append(one)
        if not self.counters.take(one):
            raise self._exceeded([one], spent)

    def _take_all(
        self, quotas: tuple[Quota, ...], spent: list[Spent], req: Request, state: RequestState
    ) -> None:
        """Count for each quota until one is exceeded; those after it are only looked at.

        :raises QuotaExceeded: when one is.
        """
        counters = self.counters
        over: list[Spent] = []
        if self._has_meta_limits:
            self._check_meta(quotas, spent, req, state)
        for quota in quotas:
            runtime = quota.runtime
            if quota.conditional and (runtime.is_exempt or runtime.method_exempt):
                continue
            cost = runtime.deduction_amount if quota.cost is None else quota.cost
            one = Spent(quota, self._client(quota, req, state), cost)
            spent.append(one)
            looks = quota.counts_later or (over and self.settings.stops_at_first_breach)
            if not (counters.has_room(one) if looks else counters.take(one)):
                over.append(one)
        if over:
            if self._has_meta_limits:
                self._count_meta(over, req, state)
            raise self._exceeded(over, spent)

    def _client(self, quota: Quota, req: Request, state: RequestState) -> str:
        if quota.key_func is None:
            return client_of(req, state)
        return quota.key_func() or client_of(req, state)

    def _meta_quotas(self, quotas: Iterable[Quota], req: Request) -> tuple[Quota, ...]:
        """The limits on how often limits may be exceeded: the configured ones, then those of the quotas."""
        found = (
            list(self._made().shared_limit(self.settings.meta_limit, scope="meta"))
            if self.settings.meta_limit
            else []
        )
        for quota in quotas:
            found.extend(quota.runtime.meta_limits or ())
        return self._quotas(
            "meta",
            [limit for limit in found if not limit.is_exempt],
            self._identity(req),
            req.method,
        )

    def _check_meta(
        self, quotas: tuple[Quota, ...], spent: list[Spent], req: Request, state: RequestState
    ) -> None:
        for quota in self._meta_quotas(quotas, req):
            one = Spent(quota, self._client(quota, req, state), quota.runtime.deduction_amount)
            if not self.counters.has_room(one):
                spent.append(one)
                raise self._exceeded([one], spent, self.settings.on_meta_breach)

    def _count_meta(self, over: list[Spent], req: Request, state: RequestState) -> None:
        for quota in self._meta_quotas((one.quota for one in over), req):
            self.counters.take(Spent(quota, self._client(quota, req, state), 1))

    def _exceeded(
        self, over: list[Spent], spent: list[Spent], on_breach: Any = None
    ) -> QuotaExceeded:
        """The 429: tells the first limit that was exceeded, and how long to wait for all of them."""
        for one in over:
            self.counters.measure_exceeded(one)
            _exceeded_logger.info(
                "ratelimit %s (%s) exceeded at endpoint: %s",
                one.quota.item,
                one.client,
                one.quota.scope,
            )
        names = policy_names(spent)
        nearest = nearest_of(spent)
        fields = rate_limit_fields(spent, nearest) + self._legacy_fields(nearest)
        violated = names if len(spent) == 1 else [names[spent.index(one)] for one in over]
        limit = over[0].quota.runtime
        made = quota_exceeded(limit, nearest.reset or 1, violated, fields)
        on_breach = on_breach or self.settings.on_breach
        if on_breach is not None or limit.on_breach is not None:
            made.response = self._on_breach_response(over[0], on_breach)
        return made

    def _on_breach_response(self, spent: Spent, on_breach: Any) -> Response | None:
        from flask_limiter import RequestLimit

        args = list(identifiers(self.counters.prefix, spent.client, spent.quota.scope))
        limit = RequestLimit(self._made(), spent.quota.item, args, True, spent.quota.runtime.shared)
        found = None
        for callback in dict.fromkeys((on_breach, spent.quota.runtime.on_breach)):
            made = None if callback is None else callback(limit)
            found = made if isinstance(made, Response) else found
        return found

    @property
    def native_limiter(self) -> Limiter | None:
        """The Limiter, if there is one yet."""
        return self._limiter

    def leaves_nothing_to_native(self, req: Request) -> bool:
        """Is everything that limits this request counted here?"""
        if self.settings.fallback_limit and not self._is_healthy():
            return True
        return self.plan(req.endpoint, self._identity(req), req.method).governed

    # -- what the answer says

    def _complete(self, response: Response, state: RequestState) -> None:
        """Count what depends on the answer, and tell the client what is left."""
        spent: list[Spent] = state.spent or []
        try:
            for one in spent:
                deduct_when = one.quota.runtime.deduct_when
                if deduct_when is not None and not one.exceeded and deduct_when(response):
                    self.counters.take(one)
            if spent:
                self._tell(response, spent)
        except Exception:
            _logger.exception("Telling the client its rate limits failed")

    def _tell(self, response: Response, spent: list[Spent]) -> None:
        nearest = self.counters.nearest(spent)
        if nearest.exceeded and (
            is_ready(response) or response.headers.get("RateLimit") is not None
        ):
            return  # a 429, which has its fields from the exception
        if is_error(response):
            _agree_with_retry_after(nearest, response)
        add_fields(response, rate_limit_fields(spent, nearest))
        for name, value in self._legacy_fields(nearest):
            response.headers.set(name, value)

    def _legacy_fields(self, nearest: Spent) -> HeaderPairs:
        """The fields of ``RATELIMIT_HEADERS_ENABLED``, but for ``Retry-After``, which belongs to a 429."""
        if not self.settings.legacy_field_names:
            return ()
        reset_at = math.ceil(time.time()) + (nearest.reset or 0)
        values = (nearest.quota.amount, max(0, nearest.left or 0), reset_at)
        return tuple(
            (name, str(value))
            for name, value in zip(self.settings.legacy_field_names, values, strict=True)
        )


def _agree_with_retry_after(spent: Spent, response: Response) -> None:
    """Leave the time out, which is optional, where the author names an earlier one in ``Retry-After`` (section 6)."""
    delay = delay_seconds(field_of(response, "Retry-After"))
    if delay is not None and spent.reset is not None and delay < spent.reset:
        spent.reset = None


# -- endpoints


def specs_of(view: Any, method: str) -> list[Spec]:
    """What ``rate_limit`` was given for a view: on itself, or on the method of its class."""
    cls = getattr(view, "view_class", None)
    handler = getattr(cls, method.lower(), None)
    if handler is None and method == "HEAD":
        handler = getattr(cls, "get", None)
    return [
        mark.values[1]
        for found in (view, handler)
        for mark in marks_of(found)
        if mark.name == "rate_limit"
    ]


def configured_limit(limits: Mapping[str, str | None], endpoint: str) -> tuple[bool, str | None]:
    """Does ``APIERRORS_RATE_LIMITS`` name an endpoint, and what does it say? The endpoint itself, else the longest pattern."""
    if endpoint in limits:
        return True, limits[endpoint]
    patterns = [pattern for pattern in limits if fnmatchcase(endpoint, pattern)]
    return (True, limits[max(patterns, key=len)]) if patterns else (False, None)


def check_endpoints(app: Flask, limits: Mapping[str, str | None]) -> None:
    """Check that each endpoint of ``APIERRORS_RATE_LIMITS`` exists; a pattern may match nothing.

    :raises ValueError: for one that does not; the message names the remedy.
    """
    for endpoint in limits:
        if endpoint not in app.view_functions and not any(
            character in endpoint for character in "*?["
        ):
            close = difflib.get_close_matches(endpoint, app.view_functions, n=1)
            meant = f"Did you mean {close[0]!r}? " if close else ""
            raise ValueError(
                f"APIERRORS_RATE_LIMITS names {endpoint!r}, no endpoint of this app. {meant}`flask routes` lists them."
            )


# -- the wiring


_FILTERED: weakref.WeakSet[Limiter] = weakref.WeakSet()


def use_rate_limits(app: Flask, state: AppState) -> None:
    """Wire rate limits into an app.

    :raises ValueError: for a limit, a storage or a strategy that cannot be right; the message names the remedy.
    """
    state.rate_limits = RateLimits(app, state)


def limiter_of(app: Flask) -> Limiter:
    """The app's Flask-Limiter, ready for its own decorators."""
    return rate_limits_of(app.extensions["apierrors"]).native(app)


def rate_limits_of(state: AppState) -> RateLimits:
    """The limits of an app."""
    limits: RateLimits = state.rate_limits
    return limits


def _count_configured() -> None:
    req = current_request()
    state = request_state(req)
    limits = rate_limits_of(state.app)
    if limits.enabled:
        limits.count_configured(req, state)
