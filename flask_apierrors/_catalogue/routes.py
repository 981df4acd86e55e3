"""The routes of an app: what each method of each rule checks and limits, as far as its marks and the configuration say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from flask import Flask
from werkzeug.routing import Rule

from .._core.config import REFERENCE_ENDPOINT
from .._core.state import AppState
from .._core.text import paragraphs
from .._guards.marks import Mark, marks_of
from .._limits.quotas import Quota
from .._limits.wiring import quotas_at

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_VARIABLE = re.compile(r"<(?:[a-zA-Z_]\w*(?:\(.*?\))?:)?([a-zA-Z_]\w*)>", re.ASCII)
_NAME = re.compile(r"(?<=[<:])[a-zA-Z_]\w*>", re.ASCII)
#: A variable that takes every text.
_TEXT = re.compile(r"<(?:(?:default|string|path):)?[^:<>()]+>")


class Limits(NamedTuple):
    """What limits an endpoint; nothing is known of a limit that depends on the request."""

    quotas: tuple[Quota, ...] = ()
    unknown: bool = False

    @property
    def texts(self) -> tuple[str, ...]:
        """Each limit in words."""
        return (
            ("depends on the request",)
            if self.unknown
            else tuple(quota.text for quota in self.quotas)
        )


class Route(NamedTuple):
    """One method of one rule, as routing and the marks have it."""

    rule: str
    method: str
    endpoint: str
    summary: str
    marks: tuple[Mark, ...]
    limits: Limits
    #: The methods that the URL takes, of whatever endpoint.
    allowed: tuple[str, ...]


NOWHERE = Route("/", "GET", "", "", (), Limits(), ())
"""Where a request goes that nothing is routed to."""


def path_of(rule: str, variable: str = "{%s}") -> str:
    """A rule as the callers of an API write it: ``/vessels/{imo}``."""
    return _VARIABLE.sub(lambda match: variable % match[1], rule)


def is_selective(rule: str) -> bool:
    """Does a variable of the rule refuse some of the texts that may stand in its place, as ``<int:imo>`` does?"""
    return "<" in _TEXT.sub("", rule)


def routes_of(state: AppState) -> list[Route]:
    """Each method of each rule, in the order of their text; of methods, in the usual order."""
    return sorted(
        _unordered(state),
        key=lambda view: (view.rule, _rank(view.method), view.method, view.endpoint),
    )


def _rank(method: str) -> int:
    return _METHODS.index(method) if method in _METHODS else len(_METHODS)


def _unordered(state: AppState) -> Iterator[Route]:
    allowed = _allowed_methods(state.app)
    for rule in state.app.url_map.iter_rules():
        view = state.app.view_functions.get(rule.endpoint)
        if not _is_api(rule, view, state):
            continue
        for method in _own_methods(rule):
            marks = _marks(view, method)
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


def _own_methods(rule: Rule) -> set[str]:
    """The methods that the author routed, without the HEAD and OPTIONS that Werkzeug and Flask add."""
    methods = set(rule.methods or ())
    if "GET" in methods:
        methods.discard("HEAD")
    if getattr(rule, "provide_automatic_options", False):
        methods.discard("OPTIONS")
    return methods


def _allowed_methods(app: Flask) -> dict[str, tuple[str, ...]]:
    allowed: dict[str, set[str]] = {}
    for rule in app.url_map.iter_rules():
        allowed.setdefault(_shape(rule), set()).update(rule.methods or ())
    return {shape: tuple(sorted(methods)) for shape, methods in allowed.items()}


def _shape(rule: Rule) -> str:
    """What tells the URLs of a rule from others: not the names of its variables."""
    return _NAME.sub(">", rule.rule)


def _marks(view: Any, method: str) -> tuple[Mark, ...]:
    """The marks of a view, and of the method of its class, each once."""
    marks = marks_of(view) + marks_of(_method_of_class(view, method))
    return tuple(mark for index, mark in enumerate(marks) if mark not in marks[:index])


def _method_of_class(view: Any, method: str) -> Any:
    cls = getattr(view, "view_class", None)
    return getattr(cls, method.lower(), None) or getattr(cls, "dispatch_request", None)


def _summary(view: Any, method: str) -> str:
    own = getattr(getattr(view, "view_class", None), method.lower(), None) or view
    return paragraphs(own.__doc__ or view.__doc__)[0]


def limits_at(endpoint: str | None, method: str, state: AppState) -> Limits:
    """What limits an endpoint, or a request that no route matches."""
    try:
        return Limits(quotas_at(endpoint, method, state))
    except Exception:  # the author's function that gives the limit cannot do without a request
        return Limits(unknown=True)
