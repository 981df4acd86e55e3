"""Plans: which limits hold at which endpoint."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from flask import Flask

from .._core.config import REFERENCE_ENDPOINT
from .._core.state import AppState
from .flask_limiter import QuotaReader, is_native
from .quotas import Quota, by_window
from .rate_limit import Declaration, declarations_of
from .settings import LimiterSettings

_MAX_ENTRIES = 4_096


class Plan(NamedTuple):
    """What limits a method of an endpoint, besides the declarations of its view."""

    quotas: tuple[Quota, ...] = ()
    #: Whether Flask-Limiter's hooks have nothing to count.
    bypasses_hooks: bool = False
    #: Whether ``APIERRORS_RATE_LIMITS`` replaces the declarations of the view.
    replaces_declarations: bool = False


class Plans:
    """The plans of the endpoints of an app.

    Each plan is made once, unless a function returns the limit. ``identity`` is the name of an
    endpoint in the keys of its counters.
    """

    def __init__(self, reader: QuotaReader, settings: LimiterSettings, state: AppState) -> None:
        self._reader = reader
        self._settings = settings
        self._state = state
        self._by_endpoint = state.config.rate_limits
        self._plans: dict[tuple[str | None, str, str], Plan] = {}
        self._of_declarations: dict[tuple[Declaration, str, str], tuple[Quota, ...]] = {}

    def plan(self, endpoint: str | None, identity: str, method: str) -> Plan:
        """Return the plan for an endpoint, or for ``None``: a request that no route matches."""
        key = (endpoint, identity, method)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._make_plan(endpoint, identity, method)
            varies = bool(plan.quotas) and self._settings.limits_vary
            if not varies and len(self._plans) < _MAX_ENTRIES:
                self._plans[key] = plan
        return plan

    def _make_plan(self, endpoint: str | None, identity: str, method: str) -> Plan:
        if endpoint is None:
            hooked = self._settings.hooked
            return Plan() if hooked else Plan(self._reader.application("", method))
        if endpoint == REFERENCE_ENDPOINT:
            # The reference page explains the 429 that a client got.
            return Plan(bypasses_hooks=True)
        is_configured, limit = configured_limit(self._by_endpoint, endpoint)
        if is_configured:
            quotas = self._configured_quotas(limit, identity, method)
            return Plan(quotas, bypasses_hooks=True, replaces_declarations=True)
        if endpoint.rpartition(".")[2] == "static":
            return Plan()
        return self._plan_of_view(self._state.app.view_functions.get(endpoint), identity, method)

    def _configured_quotas(
        self, limit: str | None, identity: str, method: str
    ) -> tuple[Quota, ...]:
        if not limit:
            return ()
        application = self._reader.application(identity, method)
        return by_window(application + self._reader.parse("endpoint", limit, identity, method))

    def _plan_of_view(self, view: Any, identity: str, method: str) -> Plan:
        declarations = declarations_of(view, method)
        # As in Flask-Limiter, a declared limit replaces the default ones for its methods.
        has_own = any(each.holds_for(method) for each in declarations) and any(
            each.overrides_defaults for each in declarations
        )
        if self._settings.hooked:
            # The hooks count for a view with Flask-Limiter's decorators, or with none at all.
            if not has_own or is_native(view):
                return Plan()
            return Plan(self._reader.application(identity, method), bypasses_hooks=True)
        application = self._reader.application(identity, method)
        if has_own or is_native(view):
            return Plan(application)
        return Plan(by_window(application + self._reader.default(identity, method)))

    def quotas_of(self, declaration: Declaration, identity: str, method: str) -> tuple[Quota, ...]:
        """Return the quotas of a declaration."""
        key = (declaration, identity, method)
        quotas = self._of_declarations.get(key)
        if quotas is None:
            quotas = self._reader.parse(
                "endpoint", declaration.limit, identity, method, **declaration.options
            )
            if not declaration.varies and len(self._of_declarations) < _MAX_ENTRIES:
                self._of_declarations[key] = quotas
        return quotas

    def quotas_at(self, endpoint: str | None, method: str) -> tuple[Quota, ...]:
        """Return all quotas of an endpoint, for the catalogue.

        :raises Exception: if a function needs a request to return its limit.
        """
        identity = endpoint or ""
        plan = self.plan(endpoint, identity, method)
        if plan.replaces_declarations:
            return plan.quotas
        quotas = list(plan.quotas)
        app = self._state.app
        if self._settings.hooked and not plan.bypasses_hooks and endpoint is not None:
            quotas += self._reader.of_hooks(app, endpoint, method)
        for declaration in declarations_of(app.view_functions.get(identity), method):
            if declaration.holds_for(method):
                quotas += self.quotas_of(declaration, identity, method)
        return tuple(quotas)


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
