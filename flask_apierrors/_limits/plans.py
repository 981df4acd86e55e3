"""Plans: which quotas hold for a request."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import NamedTuple

from flask import Flask, Request

from .._core.config import REFERENCE_ENDPOINT
from .._core.state import AppState
from .flask_limiter import LimiterReader, Place
from .quotas import Quota, by_window
from .rate_limit import Declaration, declarations_of

#: What limits a request: its endpoint before the view runs, a ``rate_limit``, or a function, by its
#: name, with limits of Flask-Limiter's decorators.
Source = Declaration | str | None


class Plan(NamedTuple):
    """The quotas that a source has at a place."""

    place: Place
    quotas: tuple[Quota, ...]
    #: The other declarations of the view.
    others: tuple[Declaration, ...] = ()
    #: Whether every request is counted for all of them at once, for its client, and costs 1.
    is_plain: bool = False


class Plans:
    """The plans of an app.

    They are made once, unless they depend on the request. A client can't choose what is kept: only
    endpoints and methods that the app has.

    :param is_first: Whether ``APIERRORS_RATE_LIMITS`` is counted here.
    """

    def __init__(self, reader: LimiterReader, state: AppState, *, is_first: bool) -> None:
        self._reader = reader
        self._state = state
        self._is_first = is_first
        self._plans: dict[tuple[Declaration | str | int, str, str], Plan] = {}
        self._declarations: dict[tuple[str, str], tuple[Declaration, ...] | None] = {}
        #: A function returns few limits, and to parse one takes longer than all the rest.
        self._parse_once = lru_cache(1_024)(self._parse)

    def plan(self, source: Source, req: Request) -> Plan:
        """Return the plan of a source for a request."""
        rule, method = req.url_rule, req.method
        endpoint = "" if rule is None else rule.endpoint
        source_key = source or self._reader.calls_limited_functions(endpoint)
        plan = self._plans.get((source_key, endpoint, method))
        if plan is None and (rule is None or method not in (rule.methods or ())):
            method = "GET"  # a client may invent methods
            plan = self._plans.get((source_key, endpoint, method))
        if plan is None:
            plan = self._make_plan(source, self._reader.place_of(endpoint, method))
            if not (self._reader.names_requests or self._varies(source)):
                self._plans[source_key, endpoint, method] = plan
        return plan

    def _varies(self, source: Source) -> bool:
        if isinstance(source, Declaration):
            return source.varies
        return source is not None or self._reader.varies()

    def _make_plan(self, source: Source, place: Place) -> Plan:
        others = tuple(each for each in self.declared(place) or () if each is not source)
        quotas = self._quotas(source, place)
        is_plain = not self._reader.meta_limits and all(quota.is_plain for quota in quotas)
        return Plan(place, quotas, others, is_plain)

    def _quotas(self, source: Source, place: Place) -> tuple[Quota, ...]:
        if source is None:
            return self._before_view(place)
        if self.declared(place) is None:
            return ()
        if isinstance(source, Declaration):
            limit = (source.limit() if callable(source.limit) else source.limit) or ""
            parse = self._parse if source.has_varying_options else self._parse_once
            return parse(source, limit, place)
        return self._reader.of_function(place, source)

    def _parse(self, source: Declaration, limit: str, place: Place) -> tuple[Quota, ...]:
        return self._reader.parse(limit, place, **source.options)

    def _before_view(self, place: Place) -> tuple[Quota, ...]:
        if not place.endpoint:
            return self._reader.before_view(place, has_own=False)
        # The reference page explains the 429 that a client got.
        if place.endpoint == REFERENCE_ENDPOINT:
            return ()
        is_configured, limit = configured_limit(self._state.config.rate_limits, place.endpoint)
        if is_configured:
            if not limit or not self._is_first:
                return ()
            application = self._reader.before_view(place, has_own=True)
            return by_window(application + self._reader.parse(limit, place))
        if _is_static(self._state.app, place):
            return ()
        # As in Flask-Limiter, a declared limit replaces the default ones for its methods.
        has_own = any(each.overrides_defaults for each in self.declared(place) or ())
        return self._reader.before_view(place, has_own=has_own)

    def declared(self, place: Place) -> tuple[Declaration, ...] | None:
        """Return each ``rate_limit`` of a view.

        :returns: ``None`` if configuration replaces what code declares, or ``exempt`` lifts it.
        """
        key = place.endpoint, place.method
        if key not in self._declarations:
            view = self._state.app.view_functions.get(place.endpoint)
            limits = self._state.config.rate_limits if place.endpoint else {}
            lifts = configured_limit(limits, place.endpoint)[0] or self._reader.exempts(place)
            self._declarations[key] = None if lifts else declarations_of(view, place.method)
        return self._declarations[key]

    def in_fallback(self, req: Request) -> Plan:
        """Return what limits every endpoint while the storage is down, unless nothing does."""
        plan = self.plan(None, req)
        if plan.quotas or self.declared(plan.place) is not None:
            return Plan(plan.place, self._reader.in_fallback(plan.place))
        return plan

    def quotas_at(self, place: Place) -> tuple[tuple[Quota, ...], bool]:
        """Return the quotas of an endpoint, and whether functions return more, for the catalogue.

        :raises Exception: if a function needs a request to return its limit.
        """
        quotas, varies = self._before_view(place), False
        declarations = self.declared(place)
        if declarations is not None:
            quotas += self._reader.of_view(place)
        for declaration in declarations or ():
            if callable(declaration.limit):
                varies = True
            else:
                quotas += self._quotas(declaration, place)
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


def check_endpoints(app: Flask, state: AppState) -> None:
    """Check that each endpoint in ``APIERRORS_RATE_LIMITS`` exists. A pattern may match none.

    :raises ValueError: for an endpoint that does not exist.
    """
    is_enabled = app.config.get("RATELIMIT_ENABLED", True)
    for endpoint in state.config.rate_limits if is_enabled else ():
        is_pattern = any(character in endpoint for character in "*?[")
        if endpoint not in app.view_functions and not is_pattern:
            close = difflib.get_close_matches(endpoint, app.view_functions, n=1)
            suggestion = f"Did you mean {close[0]!r}? " if close else ""
            raise ValueError(
                f"APIERRORS_RATE_LIMITS names {endpoint!r}, no endpoint of this app. {suggestion}"
                "`flask routes` lists them."
            )
