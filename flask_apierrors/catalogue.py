"""The catalogue: every error that an app can answer, known before anything fails."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from fnmatch import fnmatchcase
from inspect import cleandoc
from types import UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from flask import Flask, Request
from marshmallow import ValidationError
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Rule
from werkzeug.test import create_environ

from .accept import PROBLEM_JSON
from .config import REFERENCE_ENDPOINT
from .conversion import BODILESS_METHODS, to_problem
from .errors import ApiError, InvalidToken, Problem, Sentence, default_sentence, page_name, status_type
from .formats import plain, problem_json
from .headers import bearer_challenge
from .json_body import unsupported_media_type
from .marks import Mark, marks_of
from .rate_limits import Quota, QuotaExceeded, quota_exceeded, rate_limits_of
from .response import respond
from .state import AppState
from .statuses import HEADERS, REQUEST_ID, Explanation, Retry, explanation, retry_for
from .text import as_text

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_VARIABLE = re.compile(r"<(?:[^:<>]*:)?([^<>]+)>")
_EXAMPLE_REQUEST_ID = "6f9619ff8b86d011b42d00cf4fc964ff"
#: Marks that say something about the errors or the limits of a view, and do not check its requests.
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
    #: The first paragraph of the view's docstring.
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
        """The same in values that JSON has; an exception class in a mark is named by its Python name."""
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
    if isinstance(value, type):
        return value.__name__
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


_ApiErrorClass = type[ApiError]


class _Kind(NamedTuple):
    """An error before it is explained."""

    status: int
    type: str
    #: Its author's class, when it has one.
    cls: _ApiErrorClass | None = None


class _Limits(NamedTuple):
    """What limits an endpoint; nothing is known of a limit that depends on the request."""

    quotas: tuple[Quota, ...] = ()
    unknown: bool = False

    @property
    def texts(self) -> tuple[str, ...]:
        return ("depends on the request",) if self.unknown else tuple(quota.text for quota in self.quotas)


class _View(NamedTuple):
    """One method of one rule, as routing and the marks have it."""

    rule: str
    method: str
    endpoint: str
    summary: str
    marks: tuple[Mark, ...]
    limits: _Limits
    #: The methods that the URL takes, of whatever endpoint.
    allowed: tuple[str, ...]


class _Cause(NamedTuple):
    """What can go wrong, and because of what."""

    kind: _Kind
    name: str


_Place = tuple[str, str, str]
_NOWHERE = _View("/", "GET", "", "", (), _Limits(), ())


def catalogue(app: Flask, *, hidden: bool = False, root_path: str = "") -> Catalogue:
    """What the app can answer when it fails. The same app gives the same value; nothing is requested of it.

    The static folder, the reference page, and what is outside ``APIERRORS_URL_PREFIXES`` are left out.

    :param hidden: Take in the endpoints that ``errors.hide`` leaves out.
    :param root_path: Where the app is mounted, for the URIs in the examples.
    :raises RuntimeError: when the app has no ``ApiErrors``.
    """
    state = _state(app)
    with app.app_context():
        views = [view for view in _views(state) if hidden or not _is_hidden(view.endpoint, state)]
        common = _common_causes(views, state)
        found = [(view, _causes(view, common, state)) for view in views]
        explainer = _Explainer(state, root_path)
        errors = tuple(_entries(found, state, explainer))
        places = _by_place(errors)
        return Catalogue(tuple(_operation(view, places) for view in views), errors, explainer.common_headers())


def find(app: Flask, name: str, *, root_path: str = "") -> Entry | None:
    """What the end of a ``type`` URI stands for, whether or not an endpoint is known to answer it.

    That are the errors of hidden endpoints (without saying where), the types of this package, each ``ApiError`` class
    that is defined, and the bare statuses from 400 to 599. ``None`` for anything else.
    """
    state = _state(app)
    with app.app_context():
        for kind in _possible_kinds(state):
            if page_name(kind.type) == name:
                return _Explainer(state, root_path).entry(kind, [])
    return None


def _state(app: Flask) -> AppState:
    state: AppState | None = app.extensions.get("apierrors")
    if state is None:
        raise RuntimeError("This app has no ApiErrors. Call ApiErrors(app) or errors.init_app(app) first.")
    return state


# -- the views


def _views(state: AppState) -> list[_View]:
    """Each method of each rule, in the order of their text; of methods, in the usual order."""
    return sorted(_unordered_views(state), key=lambda view: (view.rule, _rank(view.method), view.method, view.endpoint))


def _rank(method: str) -> int:
    return _METHODS.index(method) if method in _METHODS else len(_METHODS)


def _unordered_views(state: AppState) -> Iterator[_View]:
    allowed = _allowed_methods(state.app)
    for rule in state.app.url_map.iter_rules():
        view = state.app.view_functions.get(rule.endpoint)
        if not _is_api(rule, view, state):
            continue
        for method in _own_methods(rule):
            marks = _marks(view, method)
            limits = _limits(rule.endpoint, method, state)
            yield _View(rule.rule, method, rule.endpoint, _summary(view, method), marks, limits, allowed[rule.rule])


def _is_api(rule: Rule, view: Any, state: AppState) -> bool:
    if view is None or rule.build_only or rule.websocket or rule.redirect_to is not None:
        return False
    if rule.endpoint in (REFERENCE_ENDPOINT, "static") or rule.endpoint.endswith(".static"):
        return False
    return state.config.covers(rule.rule)


def _is_hidden(endpoint: str, state: AppState) -> bool:
    return any(fnmatchcase(endpoint, pattern) for pattern in state.hooks.hidden)


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
        allowed.setdefault(rule.rule, set()).update(rule.methods or ())
    return {rule: tuple(sorted(methods)) for rule, methods in allowed.items()}


def _marks(view: Any, method: str) -> tuple[Mark, ...]:
    """The marks of a view, and of the method of its class, each once."""
    marks = marks_of(view) + marks_of(_method_of_class(view, method))
    return tuple(mark for index, mark in enumerate(marks) if mark not in marks[:index])


def _method_of_class(view: Any, method: str) -> Any:
    cls = getattr(view, "view_class", None)
    return getattr(cls, method.lower(), None) or getattr(cls, "dispatch_request", None)


def _summary(view: Any, method: str) -> str:
    cls = getattr(view, "view_class", None)
    own = getattr(getattr(cls, method.lower(), None), "__doc__", None)
    return _paragraphs(own or getattr(view, "__doc__", None))[0]


def _paragraphs(doc: str | None) -> tuple[str, str]:
    """The first paragraph of a docstring as one line, and the rest as another."""
    first, _, rest = cleandoc(doc or "").partition("\n\n")
    return " ".join(first.split()), " ".join(rest.split())


def _limits(endpoint: str | None, method: str, state: AppState) -> _Limits:
    try:
        return _Limits(rate_limits_of(state).quotas_at(endpoint, method))
    except Exception:  # the author's function that gives the limit cannot do without a request
        return _Limits(unknown=True)


# -- what can go wrong

_STATUSES_OF_GUARDS = {
    "requires_auth": (401,),
    "requires_permissions": (401, 403),
    "requires_json": (415, 400),
    "consumes": (415,),
    "produces": (406,),
}


def _causes(view: _View, common: Iterable[_Cause], state: AppState) -> list[_Cause]:
    """What can go wrong at one method of one rule; the first cause of each error."""
    causes = [_Cause(kind, mark.name) for mark in view.marks for kind in _kinds_of_mark(mark, state)]
    causes += _causes_of_limits(view.limits, state)
    if "<" in view.rule:
        causes.append(_Cause(_bare(404), "routing"))
    causes.append(_Cause(_bare(405), "method"))
    if state.app.config.get("MAX_CONTENT_LENGTH") is not None and view.method not in BODILESS_METHODS:
        causes.append(_Cause(_bare(413), "MAX_CONTENT_LENGTH"))
    causes += common
    return list({cause.kind.type: cause for cause in reversed(causes)}.values())


def _causes_of_limits(limits: _Limits, state: AppState) -> list[_Cause]:
    if not limits.texts:
        return []
    causes = [_Cause(_kind_of_class(QuotaExceeded), "rate_limit")]
    if rate_limits_of(state).refuses_without_storage:
        causes.append(_Cause(_bare(503), "RATELIMIT_STORAGE_URI"))
    return causes


def _common_causes(views: Iterable[_View], state: AppState) -> list[_Cause]:
    """What can go wrong at every endpoint: a converted exception, too, unless the views that raise it are declared."""
    raised = (cls for view in views for mark in view.marks if mark.name == "raises" for cls in mark.values)
    declared = {_convertible(cls, state) for cls in raised}
    causes = _causes_anywhere(state)
    for cls in state.hooks.converters:
        if cls not in declared:
            causes += (_Cause(kind, "convert") for kind in _kinds_of_error(cls, state))
    return [*causes, _Cause(_bare(500), "crash")]


def _causes_anywhere(state: AppState) -> list[_Cause]:
    """What can go wrong at each URL, even one that nothing is routed to."""
    causes = _causes_of_limits(_limits(None, "GET", state), state)
    if state.hooks.unavailable_when is not None:
        causes.append(_Cause(_bare(503), "unavailable_when"))
    if state.app.config.get("TRUSTED_HOSTS"):
        causes.append(_Cause(_bare(400), "TRUSTED_HOSTS"))
    return causes


def _bare(status: int) -> _Kind:
    return _Kind(status, status_type(status))


def _kinds_of_mark(mark: Mark, state: AppState) -> Iterator[_Kind]:
    if mark.name == "raises":
        for cls in mark.values:
            yield from _kinds_of_error(cls, state)
    yield from map(_bare, _STATUSES_OF_GUARDS.get(mark.name, ()))
    if mark.name in ("requires_auth", "requires_permissions"):
        yield _kind_of_class(InvalidToken)
    if mark.name == "consumes" and any("json" in media_type for media_type in mark.values):
        yield _bare(400)


def _kinds_of_error(cls: type[Exception], state: AppState) -> Iterator[_Kind]:
    """The answers to an exception class: what its converter makes of it, else what it is."""
    converted = _convertible(cls, state)
    if converted is not None:
        yield from map(_kind_of_class, _declared_answers(state.hooks.converters[converted]))
    elif issubclass(cls, ValidationError):
        yield _Kind(state.config.validation_status, "validation-failed")
    elif issubclass(cls, HTTPException):
        yield _kind_of_class(cls)
    else:
        yield _bare(500)


def _convertible(cls: type[Exception], state: AppState) -> type[Exception] | None:
    """The nearest base that has a converter."""
    return next((base for base in cls.__mro__ if base in state.hooks.converters), None)


def _declared_answers(converter: Any) -> Iterator[type[HTTPException]]:
    """The classes in a converter's return annotation: all that can be known of it without a call."""
    try:
        annotation = get_type_hints(converter).get("return")
    except (NameError, TypeError, AttributeError):
        return
    for cls in get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,):
        if isinstance(cls, type) and issubclass(cls, HTTPException) and cls.code is not None:
            yield cls


def _kind_of_class(cls: type[HTTPException]) -> _Kind:
    """What an exception of this class answers: nothing is told of one that is a 500."""
    status = cls.code if isinstance(cls.code, int) and 400 <= cls.code <= 599 else 500
    if status != 500 and issubclass(cls, ApiError) and cls.type:
        return _Kind(status, cls.type, cls)
    return _bare(status)


def _possible_kinds(state: AppState) -> Iterator[_Kind]:
    for view in _views(state):
        yield from (cause.kind for cause in _causes(view, (), state))
    for cls in _subclasses(ApiError):
        yield _kind_of_class(cls) if cls.code else _Kind(500, cls.type or status_type(500), cls)
    yield _Kind(state.config.validation_status, "validation-failed")
    yield from map(_bare, range(400, 600))


def _subclasses(cls: type[ApiError]) -> Iterator[type[ApiError]]:
    """All subclasses, the most special first: those that were raised with a status have it."""
    for subclass in cls.__subclasses__():
        yield from _subclasses(subclass)
        yield subclass


# -- what is said of it


def _entries(found: list[tuple[_View, list[_Cause]]], state: AppState, explainer: _Explainer) -> list[Entry]:
    """An entry for each type, in the order of status and name."""
    kinds: dict[str, _Kind] = {}
    places: dict[str, list[tuple[_View, str]]] = {}
    anywhere = [_Cause(_bare(404), "routing"), *_causes_anywhere(state)]
    for view, cause in [*((_NOWHERE, cause) for cause in anywhere), *((v, c) for v, causes in found for c in causes)]:
        known = kinds.setdefault(cause.kind.type, cause.kind)
        if known.cls is None:
            kinds[known.type] = cause.kind
        places.setdefault(known.type, []).append((view, cause.name))
    entries = [explainer.entry(kind, places[type_]) for type_, kind in kinds.items()]
    return sorted(entries, key=lambda entry: (entry.status, entry.name))


def _by_place(errors: Iterable[Entry]) -> dict[_Place, list[Occurrence]]:
    places: dict[_Place, list[Occurrence]] = {}
    for entry in errors:
        for item in entry.occurrences:
            places.setdefault((item.endpoint, item.rule, item.method), []).append(item)
    return places


def _operation(view: _View, places: Mapping[_Place, list[Occurrence]]) -> Operation:
    errors = tuple(places.get((view.endpoint, view.rule, view.method), ()))
    guards = tuple(mark for mark in view.marks if mark.name not in _NOT_GUARDS)
    return Operation(view.rule, view.method, view.endpoint, view.summary, guards, view.limits.texts, errors)


class _Explainer:
    """Makes entries; its examples are real answers, made of real exceptions by what makes them at run time."""

    def __init__(self, state: AppState, root_path: str) -> None:
        self._state = state
        self._environ = create_environ() | {"SCRIPT_NAME": root_path}
        if state.config.request_id_header is not None:
            self._environ["HTTP_" + state.config.request_id_header.upper().replace("-", "_")] = _EXAMPLE_REQUEST_ID

    def entry(self, kind: _Kind, places: list[tuple[_View, str]]) -> Entry:
        """Explain an error that is known to occur at these places."""
        view = _example_view(places)
        req = self._request(view)
        problem = self._problem(kind, view, req)
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
            anywhere=any(place is _NOWHERE for place, _ in places),
            occurrences=tuple(_occurrence(kind, place, cause, retry) for place, cause in places if place is not _NOWHERE),
        )

    def common_headers(self) -> tuple[HeaderField, ...]:
        """The fields that every error has."""
        req = self._request(_NOWHERE)
        req.environ["HTTP_ACCEPT"] = PROBLEM_JSON  # the author's format function has no say in it
        fields = dict(respond(self._problem(_bare(404), _NOWHERE, req), req, self._state).headers)
        fields["Content-Type"] = "application/json"
        return tuple(_header_field(name, value) for name, value in fields.items() if name != "Content-Length")

    def _request(self, view: _View) -> Request:
        path = _VARIABLE.sub(r"\1", view.rule).encode().decode("latin-1")
        req = self._state.app.request_class(self._environ | {"PATH_INFO": path, "REQUEST_METHOD": view.method})
        req.view_args = {}
        return req

    def _problem(self, kind: _Kind, view: _View, req: Request) -> Problem:
        try:
            problem = to_problem(_exception(kind, view, self._state), req, self._state.config)
        except Exception:  # the author's class cannot do without what its own __init__ sets
            problem = to_problem(ApiError(status=kind.status), req, self._state.config)
        if kind.cls is None or problem.type == kind.type:
            return problem
        title = as_text(kind.cls.title or problem.title)
        return problem._replace(type=kind.type, title=title, detail=f"{title}.")

    def _sentence(self, kind: _Kind, problem: Problem) -> str:
        if kind.type != status_type(kind.status) or kind.status == 429:
            return problem.detail
        return self._state.config.sentence(kind.status, kind.type)

    def _headers(self, kind: _Kind, problem: Problem, places: Iterable[tuple[_View, str]]) -> tuple[HeaderField, ...]:
        """The fields at any of the places; the examples are of the first that has it."""
        found = dict(problem.headers)
        for view, _ in places:
            for name, value in self._problem(kind, view, self._request(view)).headers:
                found.setdefault(name, value)
        return tuple(_header_field(name, found[name]) for name in sorted(found))

    def _body(self, problem: Problem, req: Request, accept: str) -> Mapping[str, Any]:
        req.environ["HTTP_ACCEPT"] = accept
        try:
            body: Mapping[str, Any] = json.loads(respond(problem, req, self._state).get_data())
        except Exception:  # the author's format function cannot do without a request that is being handled
            body = plain(problem, self._state.config.members) if accept != PROBLEM_JSON else problem_json(problem)
        return body


def _header_field(name: str, value: str) -> HeaderField:
    return HeaderField(name, HEADERS.get(name, REQUEST_ID if value == _EXAMPLE_REQUEST_ID else ""), value)


def _example_view(places: list[tuple[_View, str]]) -> _View:
    """Where the error says most: at a guard, rather than in a view of which nothing else is known."""
    for view, cause in places:
        if cause in _STATUSES_OF_GUARDS or (cause == "rate_limit" and view.limits.quotas):
            return view
    return places[0][0] if places else _NOWHERE


def _occurrence(kind: _Kind, view: _View, cause: str, retry: Retry) -> Occurrence:
    rule = retry_for(retry, view.method)
    return Occurrence(view.endpoint, view.method, view.rule, kind.status, kind.type, cause, rule)


def _explanation(kind: _Kind) -> Explanation:
    """The author's: a docstring's first paragraph says what it means, what follows says what to do."""
    known = explanation(kind.status, kind.type)
    if kind.cls is None or kind.cls is InvalidToken:
        return known
    meaning, action = _paragraphs(kind.cls.__doc__)
    return Explanation(meaning or known.meaning, action or known.action, kind.cls.retry or known.retry)


def _exception(kind: _Kind, view: _View, state: AppState) -> Exception:
    """An exception as it is raised at a view."""
    if kind.cls is QuotaExceeded and view.limits.quotas:
        return _quota_exceeded(view.limits.quotas[0])
    if kind.cls is not None:
        # The __init__ of an author's class may want anything: the one of ApiError is enough for an example.
        exc = kind.cls.__new__(kind.cls)
        ApiError.__init__(exc)
        return exc
    if kind.type == "validation-failed":
        return ValidationError({"limit": ["Not a valid integer."]})
    make = _EXAMPLES.get(kind.status)
    return make(view, state) if make else ApiError(status=kind.status)


def _values(view: _View, *names: str) -> tuple[str, ...]:
    """What the guards of these names were given."""
    return tuple(str(value) for mark in view.marks if mark.name in names for value in mark.values)


def _forbidden(view: _View, state: AppState) -> ApiError:
    names = _values(view, "requires_permissions")
    challenge = bearer_challenge(state.config.realm, error="insufficient_scope", scope=" ".join(names))
    return ApiError(status=403, headers={"WWW-Authenticate": challenge} if names else None)


def _quota_exceeded(quota: Quota) -> ApiError:
    """A 429 in the middle of the window, with the fields that the answer gets from what was counted."""
    seconds = max(1, quota.window // 2)
    exc = quota_exceeded(quota.runtime, seconds, [quota.source])
    policy, limit = f'"{quota.source}"{quota.parameters}', f'"{quota.source}";r=0;t={seconds}'
    exc.headers = (("RateLimit", limit), ("RateLimit-Policy", policy))
    return exc


def _method_not_allowed(view: _View, state: AppState) -> ApiError:
    return ApiError(status=405, headers={"Allow": ", ".join(view.allowed)})


def _not_acceptable(view: _View, state: AppState) -> ApiError:
    media_types = _values(view, "produces")
    sentence = f"{default_sentence(406)} Available: {', '.join(media_types)}."
    return ApiError(Sentence(sentence) if media_types else None, status=406)


def _content_too_large(view: _View, state: AppState) -> ApiError:
    most = state.app.config.get("MAX_CONTENT_LENGTH")
    sentence = f"The request body is larger than {most} bytes."
    return ApiError(None if most is None else Sentence(sentence), status=413)


def _unsupported_media_type(view: _View, state: AppState) -> ApiError:
    media_types = _values(view, "consumes") or ("application/json",)
    return unsupported_media_type(media_types, view.method)


_EXAMPLES = {
    403: _forbidden,
    405: _method_not_allowed,
    406: _not_acceptable,
    413: _content_too_large,
    415: _unsupported_media_type,
}
