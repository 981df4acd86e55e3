"""The catalogue: every error that an app can answer, known before anything fails."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, fields, is_dataclass
from fnmatch import fnmatchcase
from typing import Any

from flask import Flask, Request, current_app
from werkzeug.test import create_environ

from .._core.accept import PROBLEM_JSON
from .._core.errors import ApiError, InvalidToken, Problem, page_name, status_type
from .._core.formats import plain, problem_json
from .._core.problem import to_problem
from .._core.road import respond
from .._core.state import AppState
from .._core.statuses import HEADERS, REQUEST_ID, Explanation, Retry, explanation, retry_for
from .._core.text import as_text, paragraphs
from .._guards.marks import Mark
from .._limits.quotas import QuotaExceeded
from .causes import (
    GUARDS,
    Cause,
    Kind,
    bare,
    causes_anywhere,
    causes_at,
    common_causes,
    possible_kinds,
)
from .examples import example_exception
from .routes import NOWHERE, Route, path_of, routes_of

_EXAMPLE_REQUEST_ID = "6f9619ff8b86d011b42d00cf4fc964ff"
#: Marks that say something about the errors or the limits of a route, and do not check its requests.
_NOT_GUARDS = ("raises", "rate_limit")


@dataclass(frozen=True, slots=True)
class HeaderField:
    """A header field of an error."""

    name: str
    meaning: str
    example: str


@dataclass(frozen=True, slots=True)
class Occurrence:
    """An error at an endpoint."""

    endpoint: str
    method: str
    rule: str
    status: int
    type: str
    #: What makes it possible: the name of a guard, of a configuration key, or ``routing``, ``method``, ``raises``,
    #: ``convert``, ``unavailable_when``, ``crash``.
    cause: str
    #: May the same request be sent again? ``never`` or ``after-delay``.
    retry: Retry


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one rule: what it checks, and how it can fail."""

    rule: str
    method: str
    endpoint: str
    #: The first paragraph of the route's docstring.
    summary: str
    guards: tuple[Mark, ...]
    limits: tuple[str, ...]
    errors: tuple[Occurrence, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One error, explained: what it means, what to do, what it looks like, and where it occurs."""

    #: The last part of the address of its page.
    name: str
    #: RFC 9457 ``type`` as its author gave it: a short name or an absolute URI.
    type: str
    status: int
    title: str
    meaning: str
    #: What the caller is to do about it.
    action: str
    retry: Retry
    #: The fields that this error has and not every other.
    headers: tuple[HeaderField, ...]
    #: The sentence when no author wrote one.
    sentence: str
    #: A plain body, in the shape that the app gives it, and an RFC 9457 one.
    example: Mapping[str, Any]
    problem_example: Mapping[str, Any]
    #: Does it occur where no route matches, too?
    anywhere: bool = False
    occurrences: tuple[Occurrence, ...] = ()


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything that an app can answer when it fails, for each endpoint and for each error."""

    operations: tuple[Operation, ...]
    #: In the order of status and name.
    errors: tuple[Entry, ...]
    #: The fields that every error has.
    headers: tuple[HeaderField, ...]

    def error(self, type: str) -> Entry:
        """The error of a type.

        :raises KeyError: when the app does not answer it.
        """
        for entry in self.errors:
            if entry.type == type:
                return entry
        raise KeyError(type)

    def to_dict(self) -> dict[str, Any]:
        """The same in values that JSON has."""
        members: dict[str, Any] = _as_json(self)
        return members


def _as_json(value: Any) -> Any:
    if is_dataclass(value):
        return {field.name: _as_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mark):
        return {"name": value.name, "values": _as_json(value.values)}
    if isinstance(value, Mapping):
        return {str(name): _as_json(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(item) for item in value]
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


_Place = tuple[str, str, str]


def catalogue(app: Flask, *, hidden: bool = False, root_path: str = "") -> Catalogue:
    """What the app can answer when it fails. The same app gives the same value; nothing is requested of it.

    The static folder, the reference page, and what is outside ``APIERRORS_URL_PREFIXES`` are left out.

    :param hidden: Take in the endpoints that ``errors.hide`` leaves out.
    :param root_path: Where the app is mounted, for the URIs in the examples.
    :raises RuntimeError: when the app has no ``ApiErrors``.
    """
    state = _state(app)
    with _context(app):
        routes = [
            route for route in routes_of(state) if hidden or not _is_hidden(route.endpoint, state)
        ]
        common = common_causes(routes, state)
        found = [(route, causes_at(route, common, state)) for route in routes]
        explainer = _Explainer(state, root_path)
        errors = tuple(_entries(found, state, explainer))
        places = _by_place(errors)
        return Catalogue(
            tuple(_operation(route, places) for route in routes), errors, explainer.common_headers()
        )


def find(app: Flask, name: str, *, root_path: str = "") -> Entry | None:
    """What the end of a ``type`` URI stands for, whether or not an endpoint is known to answer it.

    That are the errors of hidden endpoints (without saying where), the types of this package, each ``ApiError`` class
    that is defined, and the bare statuses from 400 to 599. ``None`` for anything else.
    """
    state = _state(app)
    with _context(app):
        for kind in possible_kinds(state):
            if page_name(kind.type) == name:
                return _Explainer(state, root_path).entry(kind, [])
    return None


def _state(app: Flask) -> AppState:
    state: AppState | None = app.extensions.get("apierrors")
    if state is None:
        raise RuntimeError(
            "This app has no ApiErrors. Call ApiErrors(app) or errors.init_app(app) first."
        )
    return state


def _context(app: Flask) -> AbstractContextManager[Any]:
    """The app's context: the one that there is, so that a request's own is not torn down twice."""
    return (
        nullcontext()
        if current_app and current_app._get_current_object() is app  # type: ignore[attr-defined]
        else app.app_context()
    )


def _is_hidden(endpoint: str, state: AppState) -> bool:
    return any(fnmatchcase(endpoint, pattern) for pattern in state.hooks.hidden)


# -- what is said of it


def _entries(
    found: list[tuple[Route, list[Cause]]], state: AppState, explainer: _Explainer
) -> list[Entry]:
    """An entry for each type, in the order of status and name."""
    kinds: dict[str, Kind] = {}
    places: dict[str, list[tuple[Route, str]]] = {}
    anywhere = [Cause(bare(404), "routing"), *causes_anywhere(state)]
    for route, cause in [
        *((NOWHERE, cause) for cause in anywhere),
        *((v, c) for v, causes in found for c in causes),
    ]:
        known = kinds.setdefault(cause.kind.type, cause.kind)
        if known.cls is None:
            kinds[known.type] = cause.kind
        places.setdefault(known.type, []).append((route, cause.name))
    entries = [explainer.entry(kind, places[type_]) for type_, kind in kinds.items()]
    return sorted(entries, key=lambda entry: (entry.status, entry.name))


def _by_place(errors: Iterable[Entry]) -> dict[_Place, list[Occurrence]]:
    places: dict[_Place, list[Occurrence]] = {}
    for entry in errors:
        for item in entry.occurrences:
            places.setdefault((item.endpoint, item.rule, item.method), []).append(item)
    return places


def _operation(route: Route, places: Mapping[_Place, list[Occurrence]]) -> Operation:
    errors = tuple(places.get((route.endpoint, route.rule, route.method), ()))
    guards = tuple(mark for mark in route.marks if mark.name not in _NOT_GUARDS)
    return Operation(
        route.rule, route.method, route.endpoint, route.summary, guards, route.limits.texts, errors
    )


class _Explainer:
    """Makes entries; its examples are real answers, made of real exceptions by what makes them at run time."""

    def __init__(self, state: AppState, root_path: str) -> None:
        self._state = state
        self._environ = create_environ() | {"SCRIPT_NAME": root_path}
        if state.config.request_id_header is not None:
            self._environ["HTTP_" + state.config.request_id_header.upper().replace("-", "_")] = (
                _EXAMPLE_REQUEST_ID
            )

    def entry(self, kind: Kind, places: list[tuple[Route, str]]) -> Entry:
        """Explain an error that is known to occur at these places."""
        route = _example_route(places)
        req = self._request(route)
        problem = self._problem(kind, route, req)
        meaning, action, retry = _explanation(kind)
        return Entry(
            name=page_name(kind.type),
            type=kind.type,
            status=kind.status,
            title=problem.title,
            meaning=meaning,
            action=action,
            retry=retry,
            headers=self._headers(kind, problem, places),
            sentence=self._sentence(kind, problem),
            example=self._body(problem, req, "*/*"),
            problem_example=self._body(problem, req, PROBLEM_JSON),
            anywhere=any(place is NOWHERE for place, _ in places),
            occurrences=tuple(
                _occurrence(kind, place, cause, retry)
                for place, cause in places
                if place is not NOWHERE
            ),
        )

    def common_headers(self) -> tuple[HeaderField, ...]:
        """The fields that every error has."""
        req = self._request(NOWHERE)
        req.environ["HTTP_ACCEPT"] = PROBLEM_JSON  # the author's format function has no say in it
        fields = dict(respond(self._problem(bare(404), NOWHERE, req), req, self._state).headers)
        fields["Content-Type"] = "application/json"
        return tuple(
            _header_field(name, value) for name, value in fields.items() if name != "Content-Length"
        )

    def _request(self, route: Route) -> Request:
        path = path_of(route.rule, variable="%s").encode().decode("latin-1")
        req = self._state.app.request_class(
            self._environ | {"PATH_INFO": path, "REQUEST_METHOD": route.method}
        )
        req.view_args = {}
        return req

    def _problem(self, kind: Kind, route: Route, req: Request) -> Problem:
        try:
            problem = to_problem(
                example_exception(kind, route, self._state), req, self._state.config
            )
        except Exception:  # the author's class cannot do without what its own __init__ sets
            problem = to_problem(ApiError(status=kind.status), req, self._state.config)
        if kind.cls is None or problem.type == kind.type:
            return problem
        title = as_text(kind.cls.title or problem.title)
        return problem._replace(type=kind.type, title=title, detail=f"{title}.")

    def _sentence(self, kind: Kind, problem: Problem) -> str:
        if kind.type != status_type(kind.status) or kind.status == 429:
            return problem.detail
        return self._state.config.sentence(kind.status, kind.type)

    def _headers(
        self, kind: Kind, problem: Problem, places: Iterable[tuple[Route, str]]
    ) -> tuple[HeaderField, ...]:
        """The fields at any of the places; the examples are of the first that has it."""
        found = dict(problem.headers)
        # What a route has besides its method and its marks makes no difference to which fields there are.
        unlike = {
            (route.method, *(mark.name for mark in route.marks), bool(route.limits.quotas)): route
            for route, _ in places
        }
        for route in unlike.values():
            for name, value in self._problem(kind, route, self._request(route)).headers:
                found.setdefault(name, value)
        return tuple(_header_field(name, found[name]) for name in sorted(found))

    def _body(self, problem: Problem, req: Request, accept: str) -> Mapping[str, Any]:
        req.environ["HTTP_ACCEPT"] = accept
        try:
            body: Mapping[str, Any] = json.loads(respond(problem, req, self._state).get_data())
        except (
            Exception
        ):  # the author's format function cannot do without a request that is being handled
            body = (
                plain(problem, self._state.config.members)
                if accept != PROBLEM_JSON
                else problem_json(problem)
            )
        return body


def _header_field(name: str, value: str) -> HeaderField:
    return HeaderField(
        name, HEADERS.get(name, REQUEST_ID if value == _EXAMPLE_REQUEST_ID else ""), value
    )


def _example_route(places: list[tuple[Route, str]]) -> Route:
    """Where the error says most: at a guard, rather than in a route of which nothing else is known."""
    for route, cause in places:
        if cause in GUARDS or (cause == "rate_limit" and route.limits.quotas):
            return route
    return places[0][0] if places else NOWHERE


def _occurrence(kind: Kind, route: Route, cause: str, retry: Retry) -> Occurrence:
    rule = retry_for(retry, route.method)
    return Occurrence(route.endpoint, route.method, route.rule, kind.status, kind.type, cause, rule)


def _explanation(kind: Kind) -> Explanation:
    """The author's: a docstring's first paragraph says what it means, what follows says what to do."""
    known = explanation(kind.status, kind.type)
    if kind.cls is None or kind.cls in (
        InvalidToken,
        QuotaExceeded,
    ):  # whose docstrings speak to authors
        return known
    meaning, action = paragraphs(kind.cls.__doc__)
    return Explanation(
        meaning or known.meaning, action or known.action, kind.cls.retry or known.retry
    )
