"""Plans: which limits hold at which endpoint."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple

from flask import Flask

from .._core.config import REFERENCE_ENDPOINT
from .._core.state import AppState
from .flask_limiter import LimiterReader, Place
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

    :param is_first: Whether ``APIERRORS_RATE_LIMITS`` is counted here.
    """

    def __init__(self, reader: LimiterReader, state: AppState, *, is_first: bool) -> None:
        self._reader = reader
        self._state = state
        self._is_first = is_first
        self._plans: dict[tuple[Place, int], Plan] = {}
        self._declarations: dict[tuple[str, str], tuple[Declaration, ...]] = {}
        self._of_declarations: dict[tuple[Declaration, Place], tuple[Quota, ...]] = {}

    def plan(self, place: Place) -> Plan:
        """Return the plan for an endpoint, or for requests that no route matches."""
        key = place, self._reader.calls_limited_functions(place)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._make_plan(place)
            if not (self._reader.names_requests or self._reader.varies()):
                self._plans[key] = plan
        return plan

    def _make_plan(self, place: Place) -> Plan:
        app = self._state.app
        if not place.endpoint:
            return Plan(self._reader.application(place))
        if place.endpoint == REFERENCE_ENDPOINT:
            # The reference page explains the 429 that a client got.
            return Plan()
        is_configured, limit = configured_limit(self._state.config.rate_limits, place.endpoint)
        if is_configured:
            return Plan(self._configured(limit, place), True)
        if _is_static(app, place):
            return Plan()
        # As in Flask-Limiter, a declared limit replaces the default ones for its methods.
        has_own = any(each.overrides_defaults for each in self.declarations(place))
        return Plan(
            self._reader.before_view(place, has_own=has_own),
            self._reader.lifts_declarations(place),
        )

    def declarations(self, place: Place) -> tuple[Declaration, ...]:
        """Return the declarations of a view that hold."""
        key = place.endpoint, place.method
        if key not in self._declarations:
            view = self._state.app.view_functions.get(place.endpoint)
            is_configured, _ = configured_limit(self._state.config.rate_limits, place.endpoint)
            lifts = is_configured or self._reader.lifts_declarations(place)
            self._declarations[key] = () if lifts else declarations_of(view, place.method)
        return self._declarations[key]

    def _configured(self, limit: str | None, place: Place) -> tuple[Quota, ...]:
        if not limit or not self._is_first:
            return ()
        application = self._reader.before_view(place, has_own=True)
        return by_window(application + self._reader.parse(limit, place))

    def quotas_of(self, place: Place, declaration: Declaration) -> tuple[Quota, ...]:
        """Return the quotas of a declaration."""
        quotas = self._of_declarations.get((declaration, place))
        if quotas is None:
            quotas = self._reader.parse(declaration.limit, place, **declaration.options)
            if not (declaration.varies or self._reader.names_requests):
                self._of_declarations[declaration, place] = quotas
        return quotas

    def quotas_at(self, place: Place) -> tuple[tuple[Quota, ...], bool]:
        """Return the quotas of an endpoint, and whether functions return more, for the catalogue.

        :raises Exception: if a function needs a request to return its limit.
        """
        plan = self.plan(place)
        if plan.lifts_declarations:
            return plan.quotas, False
        quotas, varies = plan.quotas + self._reader.of_view(place), False
        for declaration in self.declarations(place):
            if callable(declaration.limit):
                varies = True
            else:
                quotas += self.quotas_of(place, declaration)
        return quotas, varies


def _is_static(app: Flask, place: Place) -> bool:
    """Whether an endpoint is Flask's own view of the files of an app or a blueprint."""
    owner = app.blueprints.get(place.blueprint) if place.blueprint else app
    name = place.endpoint.rpartition(".")[2]
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
