"""Counting: what one request takes from its quotas, and what its response says about them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from flask import Request, Response
from werkzeug.exceptions import HTTPException

from .._core.log_records import PackageLogger
from .._core.marks import marks_of_view
from .._core.ready_response import status_of
from .._core.state import AppState, RequestState, current_request, request_state
from .._core.text import printable
from .._guards.authentication import known_principal
from .._guards.options import is_unjudged, refusal_of
from .clients import client_of, key_part, verify_counted
from .fields import add_limit_fields
from .flask_limiter import LimiterReader, Place
from .plans import Plans, check_endpoints
from .quotas import Charge, Counters, Quota, by_window
from .rate_limit import Declaration
from .refusals import StorageFailed, refuse

if TYPE_CHECKING:
    from flask_limiter import Limiter, RequestLimit

    OnBreach = Callable[[RequestLimit], Response | None]

_T = TypeVar("_T")
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
        self.counters = Counters(limiter.limiter, gives_back=self.limiter.gives_back)
        self._state = state
        #: Whether to look if several processes count, each for itself.
        self._checks_processes = self.limiter.counts_in_memory
        self._unchecked = bool(state.config.rate_limits)

    # -- which quotas a request has

    def count_plan(self, req: Request) -> None:
        """Count a request for the plan of its endpoint."""
        if self._unchecked:
            check_endpoints(self._state.app, self._state.config.rate_limits)
            self._unchecked = False
        if is_unjudged(req, self._state.app):
            return
        place = self.limiter.place_of(req)
        plan = self._read(self.plans.plan, place)
        if plan is None:
            return
        if plan.quotas or (self.limiter.has_fallback_limits and not plan.lifts_declarations):
            self._count(plan.quotas, place, req)

    def count_declaration(self, declaration: Declaration, req: Request) -> None:
        """Count a request for a ``rate_limit`` on its view."""
        place = self.limiter.place_of(req)
        can_be_lifted = self.is_public or self._state.config.rate_limits
        if can_be_lifted and self.plans.plan(place).lifts_declarations:
            return
        quotas = self._read(self.plans.quotas_of, place, declaration)
        if quotas is not None:
            self._count(quotas, place, req)

    def count_function(self, name: str, req: Request) -> None:
        """Count a request for the limits that Flask-Limiter's decorators gave to a function."""
        place = self.limiter.place_of(req)
        if is_unjudged(req, self._state.app) or self.plans.plan(place).lifts_declarations:
            return
        limits = self._read(self.limiter.of_function, place, name)
        if limits is not None:
            default, own = limits
            self._count(by_window(default + own), place, req, own)

    def _read(self, read: Callable[..., _T], place: Place, *args: Any) -> _T | None:
        """Read limits. ``None``: a function of the author failed, and the request goes on.

        If the function wants a principal, the guard of the view refuses the request.
        """
        try:
            return read(place, *args)
        except Exception as error:
            marks = marks_of_view(self._state.app.view_functions.get(place.endpoint), place.method)
            is_private = any(mark.authenticates for mark in marks)
            if is_private and known_principal(current_request()) is None:
                return None
            if self._swallows(error):
                return None
            raise

    def _swallows(self, error: Exception, what: str = "Failed to rate limit") -> bool:
        """Whether the app wants to go on after an error, which then is only logged."""
        if isinstance(error, HTTPException) or not self.limiter.swallows_errors:
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

    def _count(
        self, quotas: Iterable[Quota], place: Place, req: Request, repeatable: Sequence[Quota] = ()
    ) -> None:
        filters = self.limiter.filters
        if filters and any(is_exempt() for is_exempt in filters):
            return
        if self._checks_processes:
            self._check_processes(req)
        state = request_state(req)
        charges: list[Charge] = state.charges or []
        state.charges = charges
        has_fallback = self.limiter.has_fallback_limits and not self.counters.healthy
        if has_fallback:
            quotas = () if charges else self.limiter.in_fallback(place)
        self._take_new(quotas, charges, place, req, repeatable)
        if self.limiter.has_fallback_limits and not (has_fallback or self.counters.healthy):
            charges.clear()  # the storage has just failed: other limits hold
            return self._count((), place, req)
        if state.complete is None and self._has_to_complete(charges, state):
            state.complete = self._complete
        if self.is_public:
            self.limiter.publish(charges)
        if self._state.rate_limits.refused:
            verify_counted(req)

    def _take_new(
        self,
        quotas: Iterable[Quota],
        charges: list[Charge],
        place: Place,
        req: Request,
        repeatable: Sequence[Quota],
    ) -> None:
        """Take what the request has not taken yet, unless the app swallows that this fails."""
        try:
            new = self._charges(quotas, place, req)
            if charges:
                new = _without_repetitions(new, charges, repeatable)
            charges += new
            self._take(new, charges, place, req)
        except StorageFailed as failure:
            charges.clear()
            if not self.limiter.swallows_errors:
                failure.retry_after = self._state.config.retry_after
                raise refusal_of(failure, req) from failure.__cause__
        except Exception as error:
            if not self._swallows(error):
                raise

    def _charges(self, quotas: Iterable[Quota], place: Place, req: Request) -> list[Charge]:
        """Return what the request takes from each quota that limits it."""
        default = None
        charges = []
        for quota in quotas:
            if not quota.is_plain and not quota.holds_for(place.method):
                continue
            if quota.key_func is self.limiter.key_func:
                default = default or self._default_client(req)
                client = default
            else:
                key = quota.key_func and quota.key_func()
                client = _own_key(key) or self._default_client(req)
            cost = 1 if quota.is_plain else quota.cost_of_request()
            charges.append(Charge(quota, client, cost, self.counters))
        return charges

    def _default_client(self, req: Request) -> str:
        key_func = self.limiter.key_func
        key = None if key_func is None else key_func()
        return client_of(req) if key is None or _is_empty(key) else key_part(str(key))

    def _take(self, new: list[Charge], charges: list[Charge], place: Place, req: Request) -> None:
        """Take from each quota, in order.

        :raises RateLimitExceeded: if one is exceeded.
        """
        has_meta_limits = bool(self.limiter.meta_limits)
        for charge in new:
            has_meta_limits |= charge.quota.has_meta_limits
        if has_meta_limits:
            for meta in self._meta_charges(new, place, req):
                if not self.counters.has_room(meta):
                    charges.append(meta)
                    on_breach = meta.quota.limit.on_breach or self.limiter.on_meta_breach
                    raise self._refusal([meta], charges, req, on_breach)
        exceeded: list[Charge] = []
        for charge in new:
            if not self._takes(charge, is_refused=bool(exceeded)):
                exceeded.append(charge)
        if exceeded:
            exceeded += self._exceeded_later(charges, place, req)
            for meta in self._meta_charges(exceeded, place, req) if has_meta_limits else ():
                self.counters.take(meta)
            raise self._refusal(exceeded, charges, req, self.limiter.on_breach)

    def _exceeded_later(self, charges: list[Charge], place: Place, req: Request) -> list[Charge]:
        """Look at the other limits of the view: the client has to wait for all of them."""
        later: list[Charge] = []
        counted = {charge.quota for charge in charges}
        try:
            for declaration in self.plans.declarations(place):
                quotas = self.plans.quotas_of(place, declaration)
                if not counted.issuperset(quotas):
                    new = self._charges(quotas, place, req)
                    later += _without_repetitions(new, charges + later, ())
        except Exception:
            later = []  # a function of the author may want a principal, which is not verified yet
        charges += later
        return [charge for charge in later if not self._takes(charge, is_refused=True)]

    def _takes(self, charge: Charge, *, is_refused: bool) -> bool:
        """Return whether the request is within a quota, and take its cost."""
        if charge.cost > charge.quota.amount:
            return False
        deduct_when = charge.quota.deduct_when
        if is_refused and (deduct_when or self.limiter.stops_at_first_breach):
            return self.counters.has_room(charge)
        return self.counters.reserve(charge) if deduct_when else self.counters.take(charge)

    def _meta_charges(self, charges: list[Charge], place: Place, req: Request) -> list[Charge]:
        """Return what the request takes from limits on how often a client may exceed limits."""
        quotas = self.limiter.meta((charge.quota for charge in charges), place)
        return self._charges(quotas, place, req)

    # -- the 429

    def _refusal(
        self,
        exceeded: list[Charge],
        charges: list[Charge],
        req: Request,
        on_breach: OnBreach | None,
    ) -> HTTPException:
        """Make the 429, unless the author does."""
        for charge in exceeded:
            charge.exceeded = True
            _limiter_logger.info(
                "ratelimit %s (%s) exceeded at endpoint: %s",
                charge.quota.item,
                charge.client,
                printable(charge.quota.scope),
            )
        request_state(req).complete = self._complete
        if self.is_public:
            self.limiter.publish(charges)
        limit = exceeded[0].quota.limit
        response = self._response_of_author(exceeded, on_breach)
        if response is None and self._state.config.covers(req.path):
            return refusal_of(refuse(exceeded[0].quota, charges), req)
        from flask_limiter import RateLimitExceeded

        return refusal_of(RateLimitExceeded(limit, response=response), req)

    def _response_of_author(
        self, exceeded: list[Charge], on_breach: OnBreach | None
    ) -> Response | None:
        """Call the ``on_breach`` functions of the author, which may return a response."""
        response = None
        for charge in exceeded[:1] if self.limiter.stops_at_first_breach else exceeded:
            for function in dict.fromkeys((on_breach, charge.quota.limit.on_breach)):
                try:
                    result = function(self.limiter.request_limit(charge)) if function else None
                except Exception as error:
                    if not self._swallows(error, f"on_breach callback failed with error {error}"):
                        raise
                else:
                    response = result if isinstance(result, Response) else response
        return response

    # -- the response

    def _has_to_complete(self, charges: list[Charge], state: RequestState) -> bool:
        needed = bool(self.limiter.legacy_field_names) or _is_crash(state.rejection)
        for charge in charges:
            needed |= charge.quota.deduct_when is not None
        return needed

    def _complete(self, response: Response, state: RequestState) -> None:
        """Count what depends on the response, and tell the client what is left."""
        charges: list[Charge] = state.charges or []
        status = status_of(response)
        is_refusal = status == 429 and any(charge.exceeded for charge in charges)
        if _is_crash(state.rejection) and status < 500:
            _logger.error("Verifying the credentials of a client failed", exc_info=state.rejection)
        try:
            for charge in charges:
                deduct_when = charge.quota.deduct_when
                if deduct_when and not charge.exceeded:
                    is_due = not is_refusal and deduct_when(response)
                    charge.counters.settle(charge, is_due=is_due)
            if charges and (is_refusal or self.limiter.legacy_field_names):
                add_limit_fields(
                    response,
                    charges,
                    self.limiter.legacy_field_names,
                    is_refusal=is_refusal,
                    is_api=self._state.config.covers(current_request().path),
                )
        except Exception:
            _logger.exception("Adding the rate limits to a response failed")


def _without_repetitions(
    new: list[Charge], charges: list[Charge], repeatable: Sequence[Quota]
) -> list[Charge]:
    """Leave out what the request has taken already.

    :param repeatable: The limits of a function, which may be called several times in a request and
        counts each time. Its last charges replace the earlier ones.
    """
    again = {charge.key for charge in new if charge.quota in repeatable}
    charges[:] = [old for old in charges if old.key not in again or old.taken_at]
    return [
        charge
        for charge in new
        if charge.key in again or not any(_is_same(charge, old) for old in charges)
    ]


def _is_same(charge: Charge, other: Charge) -> bool:
    """Whether two charges are for the same limit, which counts a request once."""
    return (
        charge.key == other.key
        and charge.cost == other.cost
        and charge.quota.deduct_when == other.quota.deduct_when
    )


def _is_empty(key: object) -> bool:
    """Whether a key function returned no client. The number 0 is one."""
    return not key and type(key) is not int


def _own_key(key: object) -> str | None:
    """Return the client that the key function of one limit returned.

    Its counters are not those of the default clients: a name may look like an address, or like the
    owner of an API key.
    """
    return None if _is_empty(key) else f"key_func:{key_part(str(key))}"


def _is_crash(rejection: Exception | None) -> bool:
    return rejection is not None and not isinstance(rejection, HTTPException)
