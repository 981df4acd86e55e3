"""The routes of an app, with their guards and limits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from flask import Flask
from flask.views import MethodView
from werkzeug.routing import MapAdapter, Rule

from .._core.config import REFERENCE_ENDPOINT
from .._core.marks import Mark, mark_in
from .._core.state import AppState
from .._core.text import paragraphs
from .._guards.foreign import marks_at
from .._guards.scope import guard_views
from .._limits.quotas import Quota
from .._limits.wiring import quotas_at

#: The usual order of the methods. Others come last.
_RANKS = {
    method: rank
    for rank, method in enumerate(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
}
_VARIABLE = re.compile(r"<(?:[a-zA-Z_]\w*(?:\(.*?\))?:)?([a-zA-Z_]\w*)>", re.ASCII)
_NAME = re.compile(r"(?<=[<:])[a-zA-Z_]\w*>", re.ASCII)
#: A variable that accepts every text.
_TEXT = re.compile(r"<(?:(?:default|string|path):)?[^:<>()]+>")


class Limits(NamedTuple):
    """The rate limits of a route."""

    quotas: tuple[Quota, ...] = ()
    #: Whether a function returns a limit, so that it is not known before the request.
    varies: bool = False

    @property
    def texts(self) -> tuple[str, ...]:
        """The limits in words."""
        texts = [quota.text for quota in self.quotas]
        return (*texts, "depends on who asks") if self.varies else tuple(texts)


class Route(NamedTuple):
    """One method of one URL rule."""

    rule: str
    method: str
    endpoint: str
    summary: str
    marks: tuple[Mark, ...]
    limits: Limits
    #: All methods of the URL, including those of other endpoints.
    allowed: tuple[str, ...]


#: Stands for every URL without a route.
NOWHERE = Route("/", "GET", "", "", (), Limits(), ())


def path_of(rule: str, variable: str = "{%s}") -> str:
    """Write a rule as clients know it: ``/vessels/{imo}``."""
    return _VARIABLE.sub(lambda match: variable % match[1], rule)


def rule_at(path: str, method: str, app: Flask, subdomain: str | None = None) -> Rule | None:
    """Return the rule that a path is routed to. ``None``: the routing refuses or redirects it."""
    with suppress(Exception):  # a converter of the author's may raise anything
        return adapter_of(app, subdomain).match(path, method, return_rule=True)[0]
    return None


def adapter_of(app: Flask, subdomain: str | None = None) -> MapAdapter:
    """Return what routes without a request."""
    return app.url_map.bind(app.config["SERVER_NAME"] or "localhost", subdomain=subdomain)


def is_selective(rule: str) -> bool:
    """Whether a variable of the rule refuses some texts, as ``<int:imo>`` does."""
    return "<" in _TEXT.sub("", rule)


def routes_of(state: AppState) -> list[Route]:
    """Return the routes of the API, sorted by rule and method."""
    guard_views(state.app, state)
    return sorted(
        _routes(state),
        key=lambda route: (
            route.rule,
            _RANKS.get(route.method, len(_RANKS)),
            route.method,
            route.endpoint,
        ),
    )


def _routes(state: AppState) -> Iterator[Route]:
    allowed = _allowed_methods(state.app)
    for rule in state.app.url_map.iter_rules():
        view = state.app.view_functions.get(rule.endpoint)
        if not _is_api(rule, view, state):
            continue
        for method in _own_methods(rule, view):
            marks = tuple(mark_in(state, mark) for mark in marks_at(rule.endpoint, method, state))
            limits = limits_at(rule.endpoint, method, state)
            yield Route(
                rule.rule,
                method,
                rule.endpoint,
                _summary(view, method),
                marks,
                limits,
                allowed[_shape(rule)],
            )


def _is_api(rule: Rule, view: Any, state: AppState) -> bool:
    if view is None or rule.build_only or rule.websocket or rule.redirect_to is not None:
        return False
    if rule.endpoint in (REFERENCE_ENDPOINT, "static") or rule.endpoint.endswith(".static"):
        return False
    return state.config.covers(rule.rule)


def _own_methods(rule: Rule, view: Any) -> set[str]:
    """Return the methods of the author.

    These are without the HEAD and OPTIONS that are added to them, and without the methods that a
    rule has, but its class does not.
    """
    methods = set(rule.methods or ())
    if "GET" in methods:
        methods.discard("HEAD")
    if getattr(rule, "provide_automatic_options", False):
        methods.discard("OPTIONS")
    cls = getattr(view, "view_class", None)
    dispatch = getattr(cls, "dispatch_request", None)
    if dispatch is MethodView.dispatch_request or _looks_up_method(dispatch):
        methods = {method for method in methods if hasattr(cls, method.lower())}
    return methods


def _looks_up_method(dispatch: Any) -> bool:
    """Whether a ``dispatch_request`` of an author's does what that of ``MethodView`` does."""
    names = getattr(getattr(dispatch, "__code__", None), "co_names", ())
    return {"getattr", "method", "lower"} <= set(names)


def _allowed_methods(app: Flask) -> dict[str, tuple[str, ...]]:
    allowed: dict[str, set[str]] = {}
    for rule in app.url_map.iter_rules():
        allowed.setdefault(_shape(rule), set()).update(rule.methods or ())
    return {shape: tuple(sorted(methods)) for shape, methods in allowed.items()}


def _shape(rule: Rule) -> str:
    """Return a rule without the names of its variables, which make no difference to its URLs."""
    return _NAME.sub(">", rule.rule)


def _summary(view: Any, method: str) -> str:
    own = getattr(getattr(view, "view_class", None), method.lower(), None) or view
    return paragraphs(own.__doc__ or view.__doc__)[0]


def limits_at(endpoint: str | None, method: str, state: AppState) -> Limits:
    """Return the limits of an endpoint, or of a request without a route."""
    try:
        return Limits(*quotas_at(endpoint, method, state))
    except Exception:  # a function of the author's needs a request
        return Limits(varies=True)
