"""Plans: which limits hold at which endpoint."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple

from flask import Flask, Request

from .._core.config import REFERENCE_ENDPOINT
from .._core.state import AppState
from .flask_limiter import QuotaReader
from .quotas import Quota, by_window
from .rate_limit import Declaration, declarations_of


class Plan(NamedTuple):
    """What limits a method of an endpoint, besides the declarations of its view."""

    quotas: tuple[Quota, ...] = ()
    #: Whether configuration replaces what code declares for the view, or ``exempt`` lifts it.
    lifts_declarations: bool = False


class Plans:
    """The plans of the endpoints of an app.

    Each plan is made once, unless it depends on the request. A client can't choose what is kept:
    only endpoints and methods that the app has.

    :param names_requests: Whether a function names requests in the keys of their counters.
    :param is_first: Whether ``APIERRORS_RATE_LIMITS`` is counted here.
    """

    def __init__(
        self, reader: QuotaReader, state: AppState, *, names_requests: bool, is_first: bool
    ) -> None:
        self._reader = reader
        self._state = state
        self._by_endpoint = state.config.rate_limits
        self._names_requests = names_requests
        self._is_first = is_first
        self._plans: dict[tuple[str | None, str, int], Plan] = {}
        self._declarations: dict[tuple[str, str], tuple[Declaration, ...]] = {}
        self._of_declarations: dict[tuple[Declaration, str, str], tuple[Quota, ...]] = {}

    def plan(self, endpoint: str | None, identity: str, method: str) -> Plan:
        """Return the plan for an endpoint, or for ``None``: a request that no route matches.

        :param identity: The name of the endpoint in the keys of its counters.
        :param method: See :func:`method_of`.
        """
        key = (endpoint, method, self._reader.calls_limited_functions(endpoint or ""))
        plan = self._plans.get(key)
        if plan is None:
            plan = self._make_plan(endpoint, identity, method)
            if not (self._names_requests or self._reader.varies()):
                self._plans[key] = plan
        return plan

    def _make_plan(self, endpoint: str | None, identity: str, method: str) -> Plan:
        app = self._state.app
        if endpoint is None:
            return Plan(self._reader.application("", method))
        if endpoint == REFERENCE_ENDPOINT:
            # The reference page explains the 429 that a client got.
            return Plan()
        is_configured, limit = configured_limit(self._by_endpoint, endpoint)
        if is_configured:
            return Plan(self._configured(limit, endpoint, identity, method), True)
        if _is_static(app, endpoint):
            return Plan()
        # As in Flask-Limiter, a declared limit replaces the default ones for its methods.
        has_own = any(each.overrides_defaults for each in self.declarations(endpoint, method))
        return Plan(
            self._reader.before_view(app, endpoint, identity, method, has_own=has_own),
            self._reader.lifts_declarations(app.view_functions.get(endpoint)),
        )

    def declarations(self, endpoint: str, method: str) -> tuple[Declaration, ...]:
        """Return the declarations of a view that hold."""
        key = endpoint, method
        if key not in self._declarations:
            view = self._state.app.view_functions.get(endpoint)
            is_configured, _ = configured_limit(self._by_endpoint, endpoint)
            lifts = is_configured or self._reader.lifts_declarations(view)
            declarations = () if lifts else declarations_of(view, method)
            self._declarations[key] = tuple(each for each in declarations if each.holds_for(method))
        return self._declarations[key]

    def _configured(
        self, limit: str | None, endpoint: str, identity: str, method: str
    ) -> tuple[Quota, ...]:
        if not limit or not self._is_first:
            return ()
        app = self._state.app
        application = self._reader.before_view(app, endpoint, identity, method, has_own=True)
        return by_window(application + self._reader.parse(limit, identity, method))

    def quotas_of(self, declaration: Declaration, identity: str, method: str) -> tuple[Quota, ...]:
        """Return the quotas of a declaration."""
        key = (declaration, identity, method)
        quotas = self._of_declarations.get(key)
        if quotas is None:
            quotas = self._reader.parse(declaration.limit, identity, method, **declaration.options)
            if not (declaration.varies or self._names_requests):
                self._of_declarations[key] = quotas
        return quotas

    def quotas_at(self, endpoint: str | None, method: str) -> tuple[Quota, ...]:
        """Return the quotas of an endpoint, for the catalogue: those that no function returns.

        :raises Exception: if a function needs a request to return its limit.
        """
        identity = endpoint or ""
        plan = self.plan(endpoint, identity, method)
        if plan.lifts_declarations:
            return plan.quotas
        quotas = list(plan.quotas)
        if endpoint is not None:
            quotas += self._reader.of_view(self._state.app, endpoint, identity, method)
        view = self._state.app.view_functions.get(identity)
        for declaration in declarations_of(view, method):
            if declaration.holds_for(method) and not callable(declaration.limit):
                quotas += self.quotas_of(declaration, identity, method)
        return tuple(quotas)

    def lifts_declarations(self, endpoint: str | None, method: str) -> bool:
        """Return whether the limits that are declared for a view of an endpoint do not hold."""
        return self.plan(endpoint, endpoint or "", method).lifts_declarations


def method_of(req: Request) -> str:
    """Return the method by which a request is counted: one that its route has.

    HEAD runs the view of GET. Any other name is the client's invention.
    """
    rule = req.url_rule
    method = req.method
    if method == "HEAD" or rule is None or rule.methods is None or method not in rule.methods:
        return "GET"
    return method


def _is_static(app: Flask, endpoint: str) -> bool:
    """Whether an endpoint is Flask's own view of the files of an app or a blueprint."""
    blueprint, _, name = endpoint.rpartition(".")
    owner = app.blueprints.get(blueprint) if blueprint else app
    return name == "static" and owner is not None and owner.has_static_folder


def configured_limit(limits: Mapping[str, str | None], endpoint: str) -> tuple[bool, str | None]:
    """Return whether ``APIERRORS_RATE_LIMITS`` names an endpoint, and its limit there.

    An exact name wins over a pattern, and a longer pattern over a shorter one.
    """
    if endpoint in limits:
        return True, limits[endpoint]
    patterns = [pattern for pattern in limits if fnmatchcase(endpoint, pattern)]
    return (True, limits[max(patterns, key=len)]) if patterns else (False, None)


def check_endpoints(app: Flask, limits: Mapping[str, str | None]) -> None:
    """Check that each endpoint in ``APIERRORS_RATE_LIMITS`` exists. A pattern may match none.

    :raises ValueError: for an endpoint that does not exist.
    """
    for endpoint in limits:
        is_pattern = any(character in endpoint for character in "*?[")
        if endpoint not in app.view_functions and not is_pattern:
            close = difflib.get_close_matches(endpoint, app.view_functions, n=1)
            suggestion = f"Did you mean {close[0]!r}? " if close else ""
            raise ValueError(
                f"APIERRORS_RATE_LIMITS names {endpoint!r}, no endpoint of this app. {suggestion}"
                "`flask routes` lists them."
            )
