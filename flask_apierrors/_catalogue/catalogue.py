"""Builds the catalogue: every error that an app can answer, known before anything fails."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextvars import Context
from itertools import accumulate, chain
from typing import Any, TypeVar

from flask import Flask, Request
from werkzeug.test import create_environ

from .._core.accept import PROBLEM_JSON
from .._core.completion import complete
from .._core.errors import (
    ApiError,
    InvalidCredentials,
    InvalidToken,
    Problem,
    code_of_status,
    uri_of_type,
)
from .._core.formats import plain, problem_json
from .._core.header_fields import REQUEST_ID, meaning_of
from .._core.hooks import is_named
from .._core.problem import to_problem
from .._core.rendering import render
from .._core.sentences import Sentence
from .._core.state import AppState, environ_key
from .._core.statuses import Explanation, Retry, explanation, retry_for
from .._core.text import as_text, paragraphs
from .._limits.rate_limit import RATE_LIMIT
from .._limits.refusals import QuotaExceeded
from .causes import (
    Cause,
    Kind,
    bare,
    causes_anywhere,
    causes_at,
    common_causes,
    possible_kinds,
    unknown_places,
)
from .examples import example_exception
from .exits import ExitReader, Exits
from .model import Catalogue, Entry, HeaderField, Occurrence, Operation
from .routes import NOWHERE, Route, path_of, routes_of

_EXAMPLE_REQUEST_ID = "6f9619ff8b86d011b42d00cf4fc964ff"
#: Classes of this package. Their docstrings are for authors, not for clients.
_OWN_CLASSES = (InvalidCredentials, InvalidToken, QuotaExceeded)

_T = TypeVar("_T")
#: A route where an error occurs, and its cause there.
_Place = tuple[Route, Cause]


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

    def build() -> Catalogue:
        routes = [
            route
            for route in routes_of(state)
            if hidden or not is_named(route.endpoint, state.hooks.hidden)
        ]
        exits = _exits(routes, state)
        common = common_causes(routes, chain.from_iterable(exits), state)
        causes = [
            (route, causes_at(route, own_exits, common, state))
            for route, own_exits in zip(routes, exits, strict=True)
        ]
        explainer = _Explainer(state, root_path)
        errors = tuple(_entries(causes, state, explainer))
        unknown = [unknown_places(own_exits, state) for own_exits in exits]
        operations = tuple(_operations(zip(routes, unknown, strict=True), errors))
        return Catalogue(operations, errors, explainer.common_headers())

    return _in_own_context(app, build)


def find(app: Flask, name: str, *, root_path: str = "") -> Entry | None:
    """Explain an error by its name, even if no endpoint is known to answer it.

    These are the types of this package, the app's own subclasses of ``ApiError``, and the statuses
    from 400 to 599. The entry names no operations.

    :returns: ``None`` if there is no such error.
    """
    state = _state(app)

    def explain() -> Entry | None:
        for kind in possible_kinds(routes_of(state), state):
            if kind.code == name:
                return _Explainer(state, root_path).entry(kind, [])
        return None

    return _in_own_context(app, explain)


def _state(app: Flask) -> AppState:
    state: AppState | None = app.extensions.get("apierrors")
    if state is None:
        raise RuntimeError(
            "This app has no ApiErrors. Call ApiErrors(app) or errors.init_app(app) first."
        )
    return state


def _in_own_context(app: Flask, function: Callable[[], _T]) -> _T:
    """Call a function of this module in an app context of its own.

    The author's functions, such as ``format``, see no request of a visitor, whose principal and
    query would be published. Nothing is popped: the author's teardown functions would be called
    for requests that never began.
    """

    def call() -> _T:
        app.app_context().push()
        return function()

    return Context().run(call)


def _exits(routes: Iterable[Route], state: AppState) -> list[Exits]:
    """Read in the source which exceptions leave each view, and what runs before it."""
    app = state.app
    reader = ExitReader(state.exits)
    exits = []
    for route in routes:
        # The blueprint "admin.users" is inside "admin".
        blueprints = list(accumulate(route.endpoint.split(".")[:-1], "{}.{}".format))
        hooks = [
            hook
            for functions in (app.url_value_preprocessors, app.before_request_funcs)
            for name in (None, *blueprints)
            for hook in functions.get(name, ())
        ]
        view = app.view_functions[route.endpoint]
        is_answered = route.method == "OPTIONS" and _is_answered_by_cors(view)
        exits.append(
            () if is_answered else reader.exits_of(view, route.method, route.endpoint, hooks)
        )
    return exits


def _is_answered_by_cors(view: Any) -> bool:
    """Whether Flask-CORS answers OPTIONS requests before the view."""
    is_required = "OPTIONS" in getattr(view, "required_methods", ())
    return is_required and getattr(view, "provide_automatic_options", None) is False


def _entries(
    causes: Iterable[tuple[Route, list[Cause]]], state: AppState, explainer: _Explainer
) -> list[Entry]:
    """Make an entry for each type, by status and name."""
    kinds: dict[str, Kind] = {}
    places: dict[str, list[_Place]] = {}
    anywhere = [Cause(bare(404), "routing"), *causes_anywhere(state)]
    for route, causes_here in [(NOWHERE, anywhere), *causes]:
        for cause in causes_here:
            code = cause.kind.code
            if code not in kinds or kinds[code].cls is None:
                kinds[code] = cause.kind
            places.setdefault(code, []).append((route, cause))
    entries = [explainer.entry(kind, places[type_]) for type_, kind in kinds.items()]
    return sorted(entries, key=lambda entry: (entry.status, entry.code))


def _operations(
    routes: Iterable[tuple[Route, tuple[str, ...]]], errors: Iterable[Entry]
) -> Iterable[Operation]:
    occurrences: dict[tuple[str, str, str], list[Occurrence]] = {}
    for entry in errors:
        for item in entry.occurrences:
            occurrences.setdefault((item.endpoint, item.rule, item.method), []).append(item)
    for route, unknown in routes:
        yield Operation(
            route.rule,
            route.method,
            route.endpoint,
            route.summary,
            tuple(mark for mark in route.marks if mark.is_guard),
            route.limits.texts,
            tuple(occurrences.get((route.endpoint, route.rule, route.method), ())),
            unknown,
        )


class _Explainer:
    """Makes entries. Their examples come from real exceptions, on the road of real errors."""

    def __init__(self, state: AppState, root_path: str) -> None:
        self._state = state
        script_name = root_path.encode().decode("latin-1")  # as WSGI has it
        self._environ = create_environ() | {"SCRIPT_NAME": script_name}
        if state.config.request_id_header is not None:
            self._environ[environ_key(state.config.request_id_header)] = _EXAMPLE_REQUEST_ID
        self._rules = {(rule.endpoint, rule.rule): rule for rule in state.app.url_map.iter_rules()}

    def entry(self, kind: Kind, places: list[_Place]) -> Entry:
        """Explain an error that occurs at these places."""
        example_route = _example_route(places)
        req = self._request(example_route)
        problem = self._problem(kind, example_route, req)
        meaning, action, retry = _explanation(kind)
        problem_example, _ = self._body(problem, req, PROBLEM_JSON)
        example, media_type = self._body(problem, req, "*/*")
        return Entry(
            code=kind.code,
            type=problem_example["type"],
            status=kind.status,
            title=problem.title,
            meaning=meaning,
            action=action,
            retry=retry,
            headers=self._headers(kind, problem, places),
            sentence=self._sentence(kind, problem),
            example=example,
            problem_example=problem_example,
            media_type=media_type,
            anywhere=any(place is NOWHERE for place, _ in places),
            occurrences=tuple(
                _occurrence(route, cause, retry) for route, cause in places if route is not NOWHERE
            ),
        )

    def common_headers(self) -> tuple[HeaderField, ...]:
        """Return the fields of every error."""
        req = self._request(NOWHERE)
        req.environ["HTTP_ACCEPT"] = PROBLEM_JSON  # the author's format hook is not called
        response = render(self._problem(bare(404), NOWHERE, req), req, self._state)
        fields = dict(complete(response, req, self._state).headers)
        is_problem = self._state.config.format == "problem"
        fields["Content-Type"] = PROBLEM_JSON if is_problem else "application/json"
        return tuple(
            _header_field(name, value) for name, value in fields.items() if name != "Content-Length"
        )

    def _request(self, route: Route) -> Request:
        """Begin a request of the catalogue's own, as a client without credentials sends it."""
        path = path_of(route.rule, variable="%s").encode().decode("latin-1")
        environ = self._environ | {"PATH_INFO": path, "REQUEST_METHOD": route.method}
        context = self._state.app.request_context(environ)
        context.push()
        req = context.request
        req.view_args, req.routing_exception = {}, None
        req.url_rule = self._rules.get((route.endpoint, route.rule))
        return req

    def _problem(self, kind: Kind, route: Route, req: Request) -> Problem:
        try:
            exc = example_exception(kind, route, self._state)
            problem = to_problem(exc, req, self._state)
        except Exception:  # the author's class needs what its own __init__ sets
            problem = to_problem(ApiError(status=kind.status), req, self._state)
        if kind.cls is None or problem.code == kind.code:
            return problem
        title = as_text(kind.cls.title or problem.title)
        type_ = uri_of_type(kind.cls.type)
        return problem._replace(code=kind.code, type=type_, title=title, detail=f"{title}.")

    def _sentence(self, kind: Kind, problem: Problem) -> str:
        if kind.code != code_of_status(kind.status) or kind.status == 429:
            return problem.detail
        return self._state.config.text_of(Sentence(kind.status), kind.status, kind.code)

    def _headers(
        self, kind: Kind, problem: Problem, places: Iterable[_Place]
    ) -> tuple[HeaderField, ...]:
        """Return the fields of all places. Each example comes from the first that has the field."""
        values: dict[str, str] = {}
        for name, value in problem.headers:  # there can be several challenges
            values[name] = f"{values[name]}, {value}" if name in values else value
        # Which fields there are depends only on these: one route for each combination is enough.
        routes = {
            (route.method, *(mark.name for mark in route.marks), bool(route.limits.quotas)): route
            for route, _ in places
        }
        for route in routes.values():
            for name, value in self._problem(kind, route, self._request(route)).headers:
                values.setdefault(name, value)
        return tuple(_header_field(name, values[name]) for name in sorted(values))

    def _body(self, problem: Problem, req: Request, accept: str) -> tuple[Any, str]:
        """Return a body as a JSON value, and its media type."""
        req.environ["HTTP_ACCEPT"] = accept
        try:
            response = render(problem, req, self._state)
            text = response.get_data(as_text=True)
            return json.loads(text) if response.is_json else text, response.mimetype or ""
        except Exception:  # the author's format hook needs a request that is being handled
            if accept == PROBLEM_JSON:
                return problem_json(problem), PROBLEM_JSON
            return plain(problem, self._state.config.named_members), "application/json"


def _header_field(name: str, value: str) -> HeaderField:
    meaning = meaning_of(name) or (REQUEST_ID if value == _EXAMPLE_REQUEST_ID else "")
    return HeaderField(name, meaning, value)


def _example_route(places: list[_Place]) -> Route:
    """Return the route whose example says most: one with a guard or a limit that is known."""
    for route, cause in places:
        is_guard = any(mark.name == cause.name and mark.is_guard for mark in route.marks)
        if is_guard or (cause.name == RATE_LIMIT and route.limits.quotas):
            return route
    return places[0][0] if places else NOWHERE


def _occurrence(route: Route, cause: Cause, retry: Retry) -> Occurrence:
    kind, name, place = cause
    rule = retry_for(retry, route.method)
    return Occurrence(
        route.endpoint, route.method, route.rule, kind.status, kind.code, name, rule, place
    )


def _explanation(kind: Kind) -> Explanation:
    """Explain an error in its author's words, and where these are missing, in ours.

    The first paragraph of a docstring is the meaning, and the rest is the action.
    """
    default = explanation(kind.status, kind.code)
    if kind.cls is None or kind.cls in _OWN_CLASSES:
        return default
    meaning, action = paragraphs(kind.cls.__doc__)
    return Explanation(
        meaning or default.meaning, action or default.action, kind.cls.retry or default.retry
    )
