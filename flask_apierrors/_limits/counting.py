"""Counting: what one request takes from its quotas, and what its response says about them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from flask import Request, Response

from .._core.http import CheckedPairs
from .._core.log_records import PackageLogger
from .._core.state import AppState, RequestState
from .clients import client_of
from .fields import add_limit_fields, legacy_fields, policy_names, rate_limit_fields
from .flask_limiter import QuotaReader, request_limit, storage_of
from .plans import Plan, Plans, check_endpoints
from .quotas import (
    Charge,
    Counters,
    Quota,
    QuotaExceeded,
    StorageFailed,
    nearest_of,
    quota_exceeded,
)
from .rate_limit import Declaration
from .settings import LimiterSettings

if TYPE_CHECKING:
    from flask_limiter import Limiter

    from .quotas import OnBreach

_logger = PackageLogger()
#: Flask-Limiter logs each exceeded limit here.
_exceeded_logger = logging.getLogger("flask-limiter")


class Counting:
    """Counts the requests of an app on one Limiter."""

    def __init__(self, limiter: Limiter, settings: LimiterSettings, state: AppState) -> None:
        self.settings = settings
        self._limiter = limiter
        self._state = state
        self._reader = QuotaReader(limiter, settings.key_prefix)
        self.plans = Plans(self._reader, settings, state)
        self.counters = Counters(limiter.limiter, storage_of(limiter))
        self._by_endpoint = state.config.rate_limits
        self._unchecked = bool(self._by_endpoint)

    # -- which quotas a request has

    def count_plan(self, req: Request, state: RequestState) -> None:
        """Count a request for the plan of its endpoint."""
        if self._unchecked:
            check_endpoints(self._state.app, self._by_endpoint)
            self._unchecked = False
        if req.method == "OPTIONS":
            return
        plan = self._plan(req)
        if plan.quotas or (self.settings.fallback_limit and not plan.replaces_declarations):
            self._count(plan.quotas, req, state)

    def count_declaration(
        self, declaration: Declaration, req: Request, state: RequestState
    ) -> None:
        """Count a request for a ``rate_limit`` on its view."""
        method = req.method
        if method == "OPTIONS":
            return
        if self._by_endpoint and self._plan(req).replaces_declarations:
            return
        quotas = self.plans.quotas_of(declaration, self._identity(req), method)
        self._count(quotas, req, state)

    def bypasses_hooks(self, req: Request) -> bool:
        """Return whether Flask-Limiter's hooks have nothing to count for a request."""
        if self.settings.fallback_limit and not self.counters.healthy:
            return True
        return self._plan(req).bypasses_hooks

    def _plan(self, req: Request) -> Plan:
        return self.plans.plan(req.endpoint, self._identity(req), req.method)

    def _identity(self, req: Request) -> str:
        if self.settings.has_request_identifier:
            return self._limiter.identify_request()
        return req.endpoint or ""

    # -- taking from the quotas

    def _count(self, quotas: tuple[Quota, ...], req: Request, state: RequestState) -> None:
        charges = state.charges
        if charges is None:
            charges = state.charges = []
            state.complete = self._complete
        fallback = self.settings.fallback_limit
        if fallback and not self.counters.healthy:
            if charges:
                return
            quotas = self._reader.parse("fallback", fallback, self._identity(req), req.method)
        try:
            if len(quotas) == 1 and quotas[0].is_plain and not self.settings.meta_limit:
                self._take_plain(quotas[0], charges, req, state)
            else:
                self._take(quotas, charges, req, state)
        except StorageFailed:
            charges.clear()
            if not self.settings.swallows_errors:
                raise

    def _take_plain(
        self, quota: Quota, charges: list[Charge], req: Request, state: RequestState
    ) -> None:
        """Take from a quota without options. Most requests do, so this has few steps."""
        charge = Charge(quota, client_of(req, state), quota.cost_of_request())
        charges.append(charge)
        if not self.counters.take(charge):
            raise self._refusal([charge], charges, self.settings.on_breach)

    def _take(
        self, quotas: tuple[Quota, ...], charges: list[Charge], req: Request, state: RequestState
    ) -> None:
        """Take from each quota, in order.

        :raises QuotaExceeded: if one is exceeded.
        """
        has_meta_limits = self.settings.meta_limit or any(quota.meta_limits for quota in quotas)
        if has_meta_limits:
            self._check_meta_limits(quotas, charges, req, state)
        exceeded: list[Charge] = []
        for quota in quotas:
            if quota.is_conditional and not quota.holds_for(req.method):
                continue
            charge = Charge(quota, self._client(quota, req, state), quota.cost_of_request())
            charges.append(charge)
            only_looks = quota.deduct_when or (exceeded and self.settings.stops_at_first_breach)
            count = self.counters.has_room if only_looks else self.counters.take
            if not count(charge):
                exceeded.append(charge)
        if exceeded:
            if has_meta_limits:
                self._count_meta_limits(exceeded, req, state)
            raise self._refusal(exceeded, charges, self.settings.on_breach)

    def _client(self, quota: Quota, req: Request, state: RequestState) -> str:
        client = None if quota.key_func is None else quota.key_func()
        return client or client_of(req, state)

    # -- limits on how often a client may exceed limits

    def _check_meta_limits(
        self, quotas: tuple[Quota, ...], charges: list[Charge], req: Request, state: RequestState
    ) -> None:
        for quota in self._meta_quotas(quotas, req):
            charge = Charge(quota, self._client(quota, req, state), quota.cost_of_request())
            if not self.counters.has_room(charge):
                charges.append(charge)
                on_breach = self.settings.on_meta_breach or self.settings.on_breach
                raise self._refusal([charge], charges, on_breach)

    def _count_meta_limits(self, exceeded: list[Charge], req: Request, state: RequestState) -> None:
        for quota in self._meta_quotas(tuple(charge.quota for charge in exceeded), req):
            self.counters.take(Charge(quota, self._client(quota, req, state), 1))

    def _meta_quotas(self, quotas: tuple[Quota, ...], req: Request) -> tuple[Quota, ...]:
        return self._reader.meta(self.settings.meta_limit, quotas, self._identity(req), req.method)

    # -- the 429

    def _refusal(
        self, exceeded: list[Charge], charges: list[Charge], on_breach: OnBreach | None
    ) -> QuotaExceeded:
        """Make the 429. It names the first exceeded limit, and the time to wait for all of them."""
        for charge in exceeded:
            self.counters.measure_exceeded(charge)
            _exceeded_logger.info(
                "ratelimit %s (%s) exceeded at endpoint: %s",
                charge.quota.item,
                charge.client,
                charge.quota.scope,
            )
        nearest, names = nearest_of(charges), policy_names(charges)
        legacy = legacy_fields(self.settings.legacy_field_names, nearest)
        fields = CheckedPairs(rate_limit_fields(charges, nearest) + legacy)
        violated = [names[charges.index(charge)] for charge in exceeded]
        quota = exceeded[0].quota
        refusal = quota_exceeded(quota, nearest.reset or 1, violated, fields)
        if on_breach is not None or quota.on_breach is not None:
            refusal.response = self._response_on_breach(exceeded[0], on_breach)
        return refusal

    def _response_on_breach(self, charge: Charge, on_breach: OnBreach | None) -> Response | None:
        """Call the author's functions, and return the last response among their results."""
        limit = request_limit(self._limiter, charge)
        response = None
        for function in dict.fromkeys((on_breach, charge.quota.on_breach)):
            result = None if function is None else function(limit)
            response = result if isinstance(result, Response) else response
        return response

    # -- the response

    def _complete(self, response: Response, state: RequestState) -> None:
        """Count what depends on the answer, and tell the client what is left."""
        charges: list[Charge] = state.charges or []
        try:
            for charge in charges:
                deduct_when = charge.quota.deduct_when
                if deduct_when is not None and not charge.exceeded and deduct_when(response):
                    self.counters.take(charge)
            if charges:
                nearest = self.counters.measure_nearest(charges)
                add_limit_fields(response, charges, nearest, self.settings.legacy_field_names)
        except Exception:
            _logger.exception("Adding the rate limits to a response failed")
