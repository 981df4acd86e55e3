"""The only maker of responses: picks the format, merges the headers, and cannot fail."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import copy
from typing import Any
from urllib.parse import quote

from flask import Request, Response
from flask.json.provider import DefaultJSONProvider
from flask.signals import got_request_exception
from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException, InternalServerError
from werkzeug.http import HTTP_STATUS_CODES
from werkzeug.wsgi import ClosingIterator

from .accept import PROBLEM_JSON, wants_problem
from .errors import ApiError, Problem, default_sentence, page_name
from .formats import plain, problem_json
from .http import HeaderPairs, header_pairs, merged_list
from .problem import to_problem
from .ready_response import ReadyResponse, is_ready, is_whole
from .state import AppState, Converter, app_state, current_request, known_request_state, request_id
from .text import as_json

_JSON = "application/json"
_encoded = json.JSONEncoder().encode
_LAST_RESORT = json.dumps({"error": default_sentence(500)}).encode() + b"\n"
_STATUS_LINES = {
    status: f"{status} {phrase.upper()}" for status, phrase in HTTP_STATUS_CODES.items()
}
_HTML = "text/html; charset=utf-8"
_MAX_PAGE = 10_000
#: How the page of an exception without a code begins.
_CODELESS = HTTPException().get_body().partition("None")[0].encode() + b"None "
_BEGINNINGS = {
    media_type: (("Content-Type", media_type), ("X-Content-Type-Options", "nosniff"))
    for media_type in (_JSON, PROBLEM_JSON)
}
_USUAL = (("Cache-Control", "no-store"), ("Vary", "Accept"))
#: Fields about a body that was never sent, or that have one value whatever an author says.
_REPLACED = frozenset(
    {
        "content-type",
        "content-length",
        "content-encoding",
        "etag",
        "last-modified",
        "x-content-type-options",
    }
)
#: Fields that an author's cannot simply stand beside.
_SHARED = _REPLACED | {"cache-control", "vary"}


def answer(exc: Exception, app: AppState) -> Any:
    """Answer an exception: what Flask's error handlers return.

    Outside ``APIERRORS_URL_PREFIXES`` Flask goes on as if there were no handler. Redirects and other statuses that are
    not errors, and an exception that brings its own response, pass as they are.

    :raises Exception: ``exc`` itself, where it is not ours to answer; never anything else.
    """
    req = current_request()
    if not app.config.covers(req.path):
        if isinstance(exc, ApiError):
            exc.headers = to_problem(
                exc, req, app.config
            ).headers  # a page needs its challenge and its Allow, too
        if isinstance(exc, HTTPException):
            return exc
        raise exc
    if not _is_crash(exc):
        if isinstance(exc, HTTPException) and app.app.trap_http_exception(exc):
            raise exc  # TRAP_HTTP_EXCEPTIONS and TRAP_BAD_REQUEST_ERRORS: for a debugger to see
        returned = _caught_by_author(exc, app)
        if returned is not exc:
            return returned
    return answer_ours(exc, req, app)


def answer_ours(exc: Exception, req: Request, app: AppState) -> Any:
    """Answer an exception that is known to be ours. Never raises."""
    try:
        return _answer(exc, req, app)
    except Exception as failure:
        return last_resort(failure, req, app)


def _is_crash(exc: Exception) -> bool:
    """Does it come from Flask's ``handle_exception``, which has logged and signalled what it holds?"""
    return isinstance(exc, InternalServerError) and exc.original_exception is not None


def _converter(exc: Exception, app: AppState) -> Converter | None:
    """The author's converter, or a wired library's, for the nearest class of the exception."""
    if app.converters or app.hooks.converters:
        for cls in type(exc).__mro__:
            converter = app.hooks.converters.get(cls) or app.converters.get(cls)
            if converter is not None or cls is HTTPException:
                return converter  # what is both, such as a missing form field, is an HTTPException before a KeyError
    return None


def _caught_by_author(exc: Exception, app: AppState) -> Any:
    """Let an author's ``errorhandler(Exception)`` have what it would see without us; what it hands back is ours."""
    handler = app.app.error_handler_spec[None][None].get(Exception)
    return exc if handler is None or _converter(exc, app) is not None else app.call(handler, exc)


def _answer(exc: Exception, req: Request, app: AppState) -> Any:
    converter = _converter(exc, app)
    found = exc if converter is None else app.call(converter, exc)
    if isinstance(found, HTTPException):
        if found.response is not None:
            return _copy(found.response)
        if isinstance(found.code, int) and found.code < 400 and not isinstance(found, ApiError):
            return found
    problem = to_problem(found, req, app.config)
    if (
        problem.status == 500 or (problem.status > 500 and converter is not None)
    ) and not _is_crash(exc):
        report(exc, app)
    return respond(problem, req, app)


def _copy(response: Any) -> Any:
    """A twin with headers of its own: what Flask adds for this request must not stay on a shared response."""
    twin = copy(response)
    twin.headers = response.headers.copy()
    return twin


def report(exc: BaseException, app: AppState, message: str = "Exception on %s [%s]") -> None:
    """Log an exception with its traceback, and send ``got_request_exception``, as Flask does for a crash."""
    req = current_request()
    app.app.logger.error(message, req.path, req.method, exc_info=exc)
    got_request_exception.send(app.app, _async_wrapper=app.app.ensure_sync, exception=exc)


def last_resort(failure: Exception, req: Request, app: AppState) -> Response:
    """The answer when making the answer failed: a constant body, and a log record of why."""
    report(failure, app, "Answering %s [%s] failed")
    return _response(500, _LAST_RESORT, _JSON, (), req, app)


def respond(problem: Problem, req: Request, app: AppState) -> Response:
    """Answer a problem in the format that the client asks for (RFC 9457 when it names problem+json)."""
    if wants_problem(req.environ.get("HTTP_ACCEPT")):
        body, media_type = _dumps(problem_json(_located(problem, req, app)), app), PROBLEM_JSON
    else:
        body, media_type = _plain_body(problem, req, app), _JSON
    return _response(problem.status, body, media_type, problem.headers, req, app)


def _plain_body(problem: Problem, req: Request, app: AppState) -> bytes:
    if app.hooks.format is not None:
        return _dumps(_formatted(problem, req, app), app)
    if app.config.members != ("error",):
        return _dumps(plain(_located(problem, req, app), app.config.members), app)
    if type(app.app.json) is DefaultJSONProvider:
        return f'{{"error":{_encoded(problem.detail)}}}\n'.encode()
    return _dumps({"error": problem.detail}, app)


def _formatted(problem: Problem, req: Request, app: AppState) -> Mapping[str, Any]:
    assert app.hooks.format is not None
    body = app.call(app.hooks.format, _located(problem, req, app))
    if not isinstance(body, Mapping):
        raise TypeError(
            f"The @errors.format function must return a dict, not {type(body).__name__}."
        )
    return body


def _located(problem: Problem, req: Request, app: AppState) -> Problem:
    """The problem with what only the request knows. Reads nothing of ``Host``, which may be an attacker's."""
    documentation = None
    if app.config.reference_url is not None:
        name = quote(page_name(problem.type), safe="")
        documentation = f"{_quoted(req.root_path).rstrip('/')}{app.config.reference_url}/{name}"
    instance = _quoted(req.root_path + req.path)
    return problem._replace(
        instance=instance, request_id=request_id(req, app), documentation=documentation
    )


def _quoted(path: str) -> str:
    return quote(path.rstrip("/") or "/", safe="/!$&'()*+,;=:@~")


def _dumps(body: Mapping[str, Any], app: AppState) -> bytes:
    """JSON (RFC 8259) in ASCII, by Flask's own encoder unless the app has another provider."""
    plain_body = as_json(body)
    if type(app.app.json) is DefaultJSONProvider:
        return json.dumps(plain_body, separators=(",", ":"), allow_nan=False).encode() + b"\n"
    return app.app.json.dumps(plain_body).encode("utf-8", "replace") + b"\n"


def _response(
    status: int, body: bytes, media_type: str, own: HeaderPairs, req: Request, app: AppState
) -> Response:
    fields = _BEGINNINGS[media_type] + (_merged(own) if own else _USUAL)
    identifier = request_id(req, app)
    if identifier is not None:
        fields += ((app.config.request_id_header or "", identifier),)
    line = _STATUS_LINES.get(status) or f"{status} UNKNOWN"
    response_class = app.app.response_class
    return (
        ReadyResponse(body, line, fields)
        if response_class is Response
        else response_class(body, line, fields)
    )


def finish(response: Response) -> Response:
    """Complete what leaves the app: the fields that guards asked for, and a body for an error that has none."""
    req = current_request()
    state = known_request_state(req)
    if state is not None:
        if state.complete is not None:
            state.complete(response, state)
        if state.negotiated_type is not None and not is_ready(response):
            _vary_on_accept(response.headers)
    if is_whole(response):
        return response
    # Most responses are neither, which the first half of each condition tells at once.
    codeless = isinstance(response.response, ClosingIterator) and _is_codeless(response)
    if codeless or (response.status_code >= 400 and _is_empty(response)):
        app = app_state()
        if app.config.covers(req.path):
            return _answered_codeless(req, app) if codeless else _filled(response, req, app)
    return response


def _vary_on_accept(headers: Headers) -> None:
    given = headers.getlist("Vary")
    if given:
        headers["Vary"] = merged_list(*given, "Accept")
    else:
        headers.add("Vary", "Accept")


def _is_codeless(response: Response) -> bool:
    """Did Flask call an ``HTTPException`` without a code as a WSGI application? It does so past every handler, with 200."""
    is_page = (
        response.status_code == 200
        and response.content_type == _HTML
        and not response.direct_passthrough
    )
    return (
        is_page
        and (response.content_length or _MAX_PAGE) < _MAX_PAGE
        and response.get_data().startswith(_CODELESS)
    )


def _is_empty(response: Response) -> bool:
    return not response.direct_passthrough and response.is_sequence and not any(response.response)


def _answered_codeless(req: Request, app: AppState) -> Response:
    """The answer for an exception of which nothing is left but Werkzeug's page."""
    missed = RuntimeError("A view raised an HTTPException that has no code.")
    report(missed, app)
    return answer_ours(InternalServerError(original_exception=missed), req, app)  # type: ignore[no-any-return]


def _filled(response: Response, req: Request, app: AppState) -> Response:
    """The answer for a status that a view, or another extension, returned without a word."""
    try:
        exc = ApiError(status=response.status_code, headers=response.headers)
        problem = to_problem(exc, req, app.config)
        if (
            problem.status == 500
        ):  # of which nothing is told: but these are not the fields of an exception
            problem = problem._replace(headers=header_pairs(response.headers))
        return respond(problem, req, app)
    except Exception as failure:
        return last_resort(failure, req, app)


def _merged(own: HeaderPairs) -> HeaderPairs:
    """The fields of the exception; those that every error has are added to, never replaced."""
    for name, _ in own:
        if name.lower() in _SHARED:
            return _merged_one_by_one(own)
    return own + _USUAL


def _merged_one_by_one(own: HeaderPairs) -> HeaderPairs:
    fields, vary, cached = [], [], False
    for pair in own:
        name = pair[0].lower()
        if name == "vary":
            vary.append(pair[1])
        elif name not in _REPLACED:
            fields.append(pair)
            cached = cached or name == "cache-control"
    if not cached:
        fields.append(_USUAL[0])
    fields.append(("Vary", merged_list(*vary, "Accept") if vary else "Accept"))
    return tuple(fields)
