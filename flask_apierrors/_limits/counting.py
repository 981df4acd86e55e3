"""Counting: what one request takes from its quotas, and what its response says about them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from flask import Request, Response
from werkzeug.exceptions import HTTPException

from .._core.log_records import PackageLogger
from .._core.marks import marks_of_view
from .._core.ready_response import field_of, status_of
from .._core.state import AppState, RequestState, current_request
from .._core.text import printable
from .._guards.authentication import known_principal
from .._guards.options import is_unjudged, refusal_of
from .clients import client_of, key_part, verify_counted
from .fields import add_limit_fields
from .flask_limiter import LimiterReader, Place
from .plans import Plan, Plans, Source
from .quotas import Charge, Counters, Quota
from .refusals import QuotaExceeded, StorageFailed, refuse

if TYPE_CHECKING:
    from flask_limiter import Limiter, RequestLimit

    OnBreach = Callable[[RequestLimit], Response | None]

_logger = PackageLogger()
#: Flask-Limiter logs here each exceeded limit, and what it swallows.
_limiter_logger = logging.getLogger("flask-limiter")


class Counting:
    """Counts the requests of an app on one Limiter.

    :param is_first: Whether the Limiter counts ``APIERRORS_RATE_LIMITS``, too.
    """

    def __init__(self, limiter: Limiter, state: AppState, *, is_first: bool) -> None:
        self.limiter = LimiterReader(limiter, state)
        #: Whether the author can ask the Limiter what was counted.
        self.is_public = False
        self.plans = Plans(self.limiter, state, is_first=is_first)
        self.counters = Counters(limiter.limiter)
        self._state = state
        #: Whether to look if several processes count, each for itself.
        self._checks_processes = not self.counters.is_remote

    def count(self, source: Source, req: Request, state: RequestState) -> None:
        """Count a request for the quotas that a source has for it.

        :raises HTTPException: if one is exceeded, or cannot be counted.
        """
        if req.method == "OPTIONS" and is_unjudged(req, self._state.app):
            return
        may_fall_back = self.limiter.has_fallback_limits and self.counters.healthy
        has_fallen_back = self.limiter.has_fallback_limits and not may_fall_back
        if has_fallen_back and state.charges:
            return
        filters = self.limiter.filters
        try:
            plan = self.plans.in_fallback(req) if has_fallen_back else self.plans.plan(source, req)
            if not plan.quotas and (source is None or self.plans.declared(plan.place) is None):
                return
            if filters and any(is_exempt() for is_exempt in filters):
                return
            if self._checks_processes:
                self._check_processes(req)
            if state.charges is None:
                state.charges = []
            self._take(plan, state.charges, req, state)
        except StorageFailed as failure:
            state.charges = []
            if not self.limiter.swallows_errors:
                failure.retry_after = self._state.config.retry_after
                raise refusal_of(failure, req) from failure.__cause__
        except Exception as error:
            if isinstance(error, QuotaExceeded) or not self._goes_on_after(error, req, state):
                raise
        if may_fall_back and not self.counters.healthy:
            state.charges = []  # the storage has just failed: other limits hold
            return self.count(source, req, state)
        if self.is_public:
            self.limiter.publish(state.charges or [])
        if self._state.rate_limits.refused:
            verify_counted(req, state)

    def _goes_on_after(self, error: Exception, req: Request, state: RequestState) -> bool:
        """Whether a request goes on after an error of an author's function, such as that of a key.

        If the function wants a principal, the guard of the view refuses the request.
        """
        from flask_limiter import RateLimitExceeded

        if isinstance(error, RateLimitExceeded):
            return False
        view = self._state.app.view_functions.get(req.endpoint or "")
        is_private = any(mark.authenticates for mark in marks_of_view(view, req.method))
        wants_principal = not state.is_over_limit and is_private and known_principal(req) is None
        return wants_principal or self._swallows(error)

    def _swallows(self, error: Exception, what: str = "Failed to rate limit") -> bool:
        """Whether the app wants to go on after an error, which then is only logged."""
        if not self.limiter.swallows_errors or isinstance(error, HTTPException):
            return False
        _limiter_logger.error(what, exc_info=error)
        return True

    def _check_processes(self, req: Request) -> None:
        """Warn once if other processes serve the app: this one counts in its own memory."""
        self._checks_processes = False
        if req.environ.get("wsgi.multiprocess"):
            _logger.warning(
                "Rate limits are counted in memory, but the server has several processes. Each of"
                " them allows the whole limit. Set RATELIMIT_STORAGE_URI to a storage that they"
                " share, such as redis://localhost:6379."
            )

    # -- taking from the quotas

    def _take(self, plan: Plan, charges: list[Charge], req: Request, state: RequestState) -> None:
        """Take from each quota, in order, what the request has not taken yet.

        :raises HTTPException: if one is exceeded.
        """
        new = self._charges(plan.quotas, plan.place, req, state)
        if charges:
            new = _without_repetitions(new, charges)
        charges += new
        has_to_complete = bool(self.limiter.legacy_field_names)
        if state.rejection is not None:
            has_to_complete |= _is_crash(state.rejection)
        if not plan.is_plain:
            has_to_complete |= any(charge.quota.deduct_when for charge in new)
        if has_to_complete:
            state.complete = state.complete or self._complete
        if not plan.is_plain:
            for meta in self._meta_charges(new, plan, req, state):
                if not self.counters.has_room(meta):
                    charges.append(meta)
                    on_breach = meta.quota.limit.on_breach or self.limiter.on_meta_breach
                    raise self._refusal([meta], on_breach, req, state)
        exceeded: list[Charge] = []
        for charge in new:
            if plan.is_plain and not exceeded:
                is_within = self.counters.take(charge)
            else:
                is_within = self._takes(charge, is_refused=bool(exceeded))
            if not is_within:
                exceeded.append(charge)
        if exceeded:
            later = self._exceeded_later(plan, charges, req, state) if plan.others else []
            reached = exceeded if self.limiter.stops_at_first_breach else exceeded + later
            if not plan.is_plain or len(reached) > len(exceeded):
                for meta in self._meta_charges(reached, plan, req, state):
                    self.counters.take(meta)
            exceeded += later
            raise self._refusal(exceeded, self.limiter.on_breach, req, state)

    def _charges(
        self, quotas: Iterable[Quota], place: Place, req: Request, state: RequestState
    ) -> list[Charge]:
        """Return what the request takes from each quota that limits it."""
        charges = []
        default, default_func = "", self.limiter.key_func
        for quota in quotas:
            if not quota.is_plain and not quota.holds_for(place.method):
                continue
            client = None
            if quota.key_func and quota.key_func is not default_func:
                client = _client_of_key(quota.key_func, "key_func:")
            if client is None and not default:
                own = default_func and _client_of_key(default_func)
                default = own or client_of(req, state)
            cost = 1 if quota.is_plain else quota.cost_of_request()
            charges.append(Charge(quota, client or default, cost, self.counters))
        return charges

    def _takes(self, charge: Charge, *, is_refused: bool) -> bool:
        """Return whether the request is within a quota, and take its cost."""
        quota = charge.quota
        if charge.cost > quota.amount:
            return False
        if is_refused and (quota.deduct_when or self.limiter.stops_at_first_breach):
            return self.counters.has_room(charge)
        return self.counters.reserve(charge) if quota.deduct_when else self.counters.take(charge)

    def _exceeded_later(
        self, plan: Plan, charges: list[Charge], req: Request, state: RequestState
    ) -> list[Charge]:
        """Look at the other limits of the view: the client has to wait for all of them."""
        later: list[Charge] = []
        counted = {charge.quota for charge in charges}
        try:
            for declaration in plan.others:
                quotas = self.plans.plan(declaration, req).quotas
                if not counted.issuperset(quotas):
                    new = self._charges(quotas, plan.place, req, state)
                    later += _without_repetitions(new, charges + later)
        except Exception:
            return []  # a function of the author may want a principal, which is not verified yet
        charges += later
        return [charge for charge in later if not self._takes(charge, is_refused=True)]

    def _meta_charges(
        self, charges: list[Charge], plan: Plan, req: Request, state: RequestState
    ) -> list[Charge]:
        """Return what the request takes from limits on how often a client may exceed limits."""
        quotas = self.limiter.meta((charge.quota for charge in charges), plan.place)
        return self._charges(quotas, plan.place, req, state)

    # -- the 429

    def _refusal(
        self, exceeded: list[Charge], on_breach: OnBreach | None, req: Request, state: RequestState
    ) -> HTTPException:
        """Make the 429, unless the author does."""
        is_logged = _limiter_logger.isEnabledFor(logging.INFO)
        is_breach_handled = on_breach is not None
        for charge in exceeded:
            charge.exceeded = True
            quota, client = charge.quota, charge.client
            is_breach_handled = is_breach_handled or quota.limit.on_breach is not None
            if is_logged:
                message = "ratelimit %s (%s) exceeded at endpoint: %s"
                _limiter_logger.info(message, quota.item, client, printable(quota.scope))
        state.is_over_limit, state.complete = True, self._complete
        charges: list[Charge] = state.charges or []
        if self.is_public:
            self.limiter.publish(charges)
        response = self._response_of_author(exceeded, on_breach) if is_breach_handled else None
        if response is None and self._state.config.covers(req.path):
            exc: HTTPException = refuse(exceeded, charges)
        else:
            from flask_limiter import RateLimitExceeded

            exc = RateLimitExceeded(exceeded[0].quota.limit, response=response)
        return refusal_of(exc, req)

    def _response_of_author(
        self, exceeded: list[Charge], on_breach: OnBreach | None
    ) -> Response | None:
        """Call the ``on_breach`` functions of the author, which may return a response."""
        response = None
        for charge in exceeded[:1] if self.limiter.stops_at_first_breach else exceeded:
            for function in {on_breach: 0, charge.quota.limit.on_breach: 0}:
                try:
                    result = function(self.limiter.request_limit(charge)) if function else None
                except Exception as error:
                    if not self._swallows(error, f"on_breach callback failed with error {error}"):
                        raise
                else:
                    response = result if isinstance(result, Response) else response
        return response

    # -- the response

    def _complete(self, response: Response, state: RequestState) -> None:
        """Count what depends on the response, and tell the client what is left."""
        charges: list[Charge] = state.charges or []
        is_refusal = False
        if state.is_over_limit and status_of(response) == 429:
            for charge in charges:
                is_refusal |= charge.exceeded
        has_fields = is_refusal and field_of(response, "RateLimit") is not None
        rejection = state.rejection
        if rejection is not None and _is_crash(rejection) and status_of(response) < 500:
            _logger.error("Verifying the credentials of a client failed", exc_info=rejection)
        try:
            for charge in charges:
                deduct_when = charge.quota.deduct_when
                if deduct_when and not charge.exceeded:
                    is_due = not is_refusal and deduct_when(response)
                    charge.counters.settle(charge, is_due=is_due)
            names = self.limiter.legacy_field_names
            if charges and (names or (is_refusal and not has_fields)):
                is_api = self._state.config.covers(current_request().path)
                has_fields = has_fields or not is_api
                add_limit_fields(
                    response, charges, names, is_refusal=is_refusal, has_fields=has_fields
                )
        except Exception:
            _logger.exception("Adding the rate limits to a response failed")


def _is_crash(rejection: Exception) -> bool:
    """Whether the function that verifies credentials crashed, and did not refuse them."""
    return not isinstance(rejection, HTTPException)


def _without_repetitions(new: list[Charge], charges: list[Charge]) -> list[Charge]:
    """Leave out what the request has taken already.

    A function with limits counts each time that it is called. Its last charges replace the earlier
    ones.
    """
    again = {charge.key for charge in new if charge.quota.repeats}
    charges[:] = [old for old in charges if old.key not in again or old.taken_at]
    taken = [old.limit for old in charges]
    return [charge for charge in new if charge.key in again or charge.limit not in taken]


def _client_of_key(key_func: Callable[[], object], kind: str = "") -> str | None:
    """Return the client that a key function returns, if any. The number 0 is one.

    :param kind: What keeps the counters of a limit's own function apart from those of the default
        clients: a name may look like an address, or like the owner of an API key.
    """
    key = key_func()
    return f"{kind}{key_part(str(key))}" if key or type(key) is int else None
