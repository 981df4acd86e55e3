"""Builds the catalogue: every error that an app can answer, known before anything fails."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from fnmatch import fnmatchcase
from typing import Any

from flask import Flask, Request, current_app
from werkzeug.test import create_environ

from .._core.accept import PROBLEM_JSON
from .._core.errors import ApiError, InvalidToken, Problem, page_name, status_type
from .._core.formats import plain, problem_json
from .._core.header_fields import REQUEST_ID, meaning_of
from .._core.problem import to_problem
from .._core.rendering import render
from .._core.road import complete
from .._core.sentences import Sentence
from .._core.state import AppState, current_flask, environ_key
from .._core.statuses import Explanation, Retry, explanation, retry_for
from .._core.text import as_text, paragraphs
from .._limits.quotas import QuotaExceeded
from .._limits.rate_limit import RATE_LIMIT
from .causes import (
    Cause,
    Kind,
    bare,
    causes_anywhere,
    causes_at,
    common_causes,
    possible_kinds,
)
from .examples import example_exception
from .model import Catalogue, Entry, HeaderField, Occurrence, Operation
from .routes import NOWHERE, Route, path_of, routes_of

_EXAMPLE_REQUEST_ID = "6f9619ff8b86d011b42d00cf4fc964ff"
#: Classes of this package. Their docstrings are for authors, not for clients.
_OWN_CLASSES = (InvalidToken, QuotaExceeded)

#: A route where an error occurs, and the name of the cause.
_Place = tuple[Route, str]


def catalogue(app: Flask, *, hidden: bool = False, root_path: str = "") -> Catalogue:
    """Return every error that an app can answer.

    No request is sent to the app, and the same app always has the same catalogue. It leaves out
    the static folder, the reference page, and everything outside ``APIERRORS_URL_PREFIXES``.

    :param app: The app, with all its views.
    :param hidden: Whether to include the endpoints that ``errors.hide`` leaves out.
    :param root_path: The path that the app is mounted at, for the addresses in the examples.
    :returns: The catalogue.
    :raises RuntimeError: if the app has no ``ApiErrors``.
    """
    state = _state(app)
    with _context(app):
        routes = [
            route for route in routes_of(state) if hidden or not _is_hidden(route.endpoint, state)
        ]
        common = common_causes(routes, state)
        causes = [(route, causes_at(route, common, state)) for route in routes]
        explainer = _Explainer(state, root_path)
        errors = tuple(_entries(causes, state, explainer))
        operations = tuple(_operations(routes, errors))
        return Catalogue(operations, errors, explainer.common_headers())


def find(app: Flask, name: str, *, root_path: str = "") -> Entry | None:
    """Explain an error by its name, even if no endpoint is known to answer it.

    These are the types of this package, all subclasses of ``ApiError``, and the statuses from 400
    to 599. The entry names no operations.

    :returns: ``None`` if there is no such error.
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
    """Return the app's context. A current one stays: a request's must not be torn down twice."""
    is_current = bool(current_app) and current_flask() is app
    return nullcontext() if is_current else app.app_context()


def _is_hidden(endpoint: str, state: AppState) -> bool:
    return any(fnmatchcase(endpoint, pattern) for pattern in state.hooks.hidden)


def _entries(
    causes: Iterable[tuple[Route, list[Cause]]], state: AppState, explainer: _Explainer
) -> list[Entry]:
    """Make an entry for each type, by status and name."""
    kinds: dict[str, Kind] = {}
    places: dict[str, list[_Place]] = {}
    anywhere = [Cause(bare(404), "routing"), *causes_anywhere(state)]
    for route, causes_here in [(NOWHERE, anywhere), *causes]:
        for kind, name in causes_here:
            if kind.type not in kinds or kinds[kind.type].cls is None:
                kinds[kind.type] = kind
            places.setdefault(kind.type, []).append((route, name))
    entries = [explainer.entry(kind, places[type_]) for type_, kind in kinds.items()]
    return sorted(entries, key=lambda entry: (entry.status, entry.name))


def _operations(routes: Iterable[Route], errors: Iterable[Entry]) -> Iterable[Operation]:
    occurrences: dict[tuple[str, str, str], list[Occurrence]] = {}
    for entry in errors:
        for item in entry.occurrences:
            occurrences.setdefault((item.endpoint, item.rule, item.method), []).append(item)
    for route in routes:
        yield Operation(
            route.rule,
            route.method,
            route.endpoint,
            route.summary,
            tuple(mark for mark in route.marks if mark.is_guard),
            route.limits.texts,
            tuple(occurrences.get((route.endpoint, route.rule, route.method), ())),
        )


class _Explainer:
    """Makes entries. Their examples come from real exceptions, on the road of real errors."""

    def __init__(self, state: AppState, root_path: str) -> None:
        self._state = state
        self._environ = create_environ() | {"SCRIPT_NAME": root_path}
        if state.config.request_id_header is not None:
            self._environ[environ_key(state.config.request_id_header)] = _EXAMPLE_REQUEST_ID

    def entry(self, kind: Kind, places: list[_Place]) -> Entry:
        """Explain an error that occurs at these places."""
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
        """Return the fields of every error."""
        req = self._request(NOWHERE)
        req.environ["HTTP_ACCEPT"] = PROBLEM_JSON  # the author's format hook is not called
        response = render(self._problem(bare(404), NOWHERE, req), req, self._state)
        fields = dict(complete(response, req, self._state).headers)
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
            exc = example_exception(kind, route, self._state)
            problem = to_problem(exc, req, self._state)
        except Exception:  # the author's class needs what its own __init__ sets
            problem = to_problem(ApiError(status=kind.status), req, self._state)
        if kind.cls is None or problem.type == kind.type:
            return problem
        title = as_text(kind.cls.title or problem.title)
        return problem._replace(type=kind.type, title=title, detail=f"{title}.")

    def _sentence(self, kind: Kind, problem: Problem) -> str:
        if kind.type != status_type(kind.status) or kind.status == 429:
            return problem.detail
        return self._state.config.text_of(Sentence(kind.status), kind.status, kind.type)

    def _headers(
        self, kind: Kind, problem: Problem, places: Iterable[_Place]
    ) -> tuple[HeaderField, ...]:
        """Return the fields of all places. Each example comes from the first that has the field."""
        values = dict(problem.headers)
        # Which fields there are depends only on these: one route for each combination is enough.
        routes = {
            (route.method, *(mark.name for mark in route.marks), bool(route.limits.quotas)): route
            for route, _ in places
        }
        for route in routes.values():
            for name, value in self._problem(kind, route, self._request(route)).headers:
                values.setdefault(name, value)
        return tuple(_header_field(name, values[name]) for name in sorted(values))

    def _body(self, problem: Problem, req: Request, accept: str) -> Mapping[str, Any]:
        req.environ["HTTP_ACCEPT"] = accept
        try:
            body: dict[str, Any] = json.loads(render(problem, req, self._state).get_data())
        except Exception:  # the author's format hook needs a request that is being handled
            is_problem = accept == PROBLEM_JSON
            body = (
                problem_json(problem) if is_problem else plain(problem, self._state.config.members)
            )
        return body


def _header_field(name: str, value: str) -> HeaderField:
    meaning = meaning_of(name) or (REQUEST_ID if value == _EXAMPLE_REQUEST_ID else "")
    return HeaderField(name, meaning, value)


def _example_route(places: list[_Place]) -> Route:
    """Return the route whose example says most: one with a guard or a limit that is known."""
    for route, cause in places:
        is_guard = any(mark.name == cause and mark.is_guard for mark in route.marks)
        if is_guard or (cause == RATE_LIMIT and route.limits.quotas):
            return route
    return places[0][0] if places else NOWHERE


def _occurrence(kind: Kind, route: Route, cause: str, retry: Retry) -> Occurrence:
    rule = retry_for(retry, route.method)
    return Occurrence(route.endpoint, route.method, route.rule, kind.status, kind.type, cause, rule)


def _explanation(kind: Kind) -> Explanation:
    """Explain an error in its author's words, and where these are missing, in ours.

    The first paragraph of a docstring is the meaning, and the rest is the action.
    """
    default = explanation(kind.status, kind.type)
    if kind.cls is None or kind.cls in _OWN_CLASSES:
        return default
    meaning, action = paragraphs(kind.cls.__doc__)
    return Explanation(
        meaning or default.meaning, action or default.action, kind.cls.retry or default.retry
    )
