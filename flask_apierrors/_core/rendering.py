"""A ``Problem`` becomes a response, in the format that the client asks for."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from flask import Flask, Request, Response
from flask.json.provider import DefaultJSONProvider
from werkzeug.http import HTTP_STATUS_CODES
from werkzeug.wrappers import Response as WerkzeugResponse

from .accept import PROBLEM_JSON, wants_problem
from .errors import ABOUT_BLANK, Problem, code_of_status
from .formats import plain, problem_json
from .header_fields import COMMON_FIELDS
from .http import HeaderPairs, OneVary, header_pairs
from .sentences import Sentence
from .signals import error_answered
from .state import AppState, current_flask, request_id_of, request_state
from .text import as_json

_JSON = "application/json"
#: Characters that need no escape in a fragment (RFC 3986 section 3.5).
_FRAGMENT = "!$&'()*+,;=:@/?"
_encode = json.JSONEncoder().encode
_STATIC_500 = json.dumps({"error": str(Sentence(500))}).encode() + b"\n"
_STATIC_PROBLEM = (
    json.dumps(problem_json(Problem(500, code_of_status(500), "", str(Sentence(500))))).encode()
    + b"\n"
)
_STATUS_LINES = {
    status: f"{status} {phrase.upper()}" for status, phrase in HTTP_STATUS_CODES.items()
}
_CONTENT_TYPES = {media_type: ("Content-Type", media_type) for media_type in (_JSON, PROBLEM_JSON)}


def render(problem: Problem, req: Request, app: AppState) -> Response:
    """Make the response: RFC 9457 if the app or the client asks for it, else the plain body."""
    flask_app = current_flask()
    if error_answered.receivers:
        request_state(req, app).problem = problem
    accept = req.environ.get("HTTP_ACCEPT")
    if app.config.format == "problem" or (accept is not None and wants_problem(accept)):
        media_type = PROBLEM_JSON
        body = _dumps(problem_json(locate(problem, req, app)), flask_app)
    elif app.hooks.format is not None:
        return _in_own_shape(locate(problem, req, app), app.hooks.format, app)
    else:
        media_type = _JSON
        body = _plain_body(problem, req, app, flask_app)
    return _response(problem.status, body, media_type, problem.headers, app, flask_app)


def static_500(app: AppState, headers: HeaderPairs = ()) -> Response:
    """Make the response for when everything else failed: its body is a constant."""
    is_problem = app.config.format == "problem"
    body, media_type = (_STATIC_PROBLEM, PROBLEM_JSON) if is_problem else (_STATIC_500, _JSON)
    return _response(500, body, media_type, headers, app, current_flask())


def _plain_body(problem: Problem, req: Request, app: AppState, flask_app: Flask) -> bytes:
    if app.config.members != ("error",):
        return _dumps(plain(locate(problem, req, app), app.config.named_members), flask_app)
    if type(flask_app.json) is DefaultJSONProvider:
        # The usual body, seven times as fast as by json.dumps.
        return f'{{"error":{_encode(problem.detail)}}}\n'.encode()
    return _dumps({"error": problem.detail}, flask_app)


def _in_own_shape(problem: Problem, function: Callable[[Problem], Any], app: AppState) -> Response:
    """Answer with the body of an author's function, which may have a media type of its own.

    The status is the problem's, and header fields of both go out.
    """
    body = app.call(function, problem)
    if body is None:
        raise TypeError("The @errors.format function must return a body, not None.")
    flask_app = current_flask()
    media_type, fields = _JSON, problem.headers
    if isinstance(body, WerkzeugResponse):
        data, media_type = body.get_data(), body.content_type or _JSON
        fields += header_pairs(body.headers)
    else:
        data = _dumps(body, flask_app)
    return _response(problem.status, data, media_type, fields, app, flask_app)


def locate(problem: Problem, req: Request, app: AppState) -> Problem:
    """Add what only the request knows. Never read ``Host``, which may be an attacker's."""
    config = app.config
    page = None
    if config.reference_url is not None:
        page = page_url(app, req.root_path, problem.code)
    type_ = problem.type
    if type_ == ABOUT_BLANK and config.type_base is not None:
        type_ = config.type_base + quote(problem.code, safe="")
    elif type_ == ABOUT_BLANK and page is not None:
        type_ = page
    path = _quote_path(req.root_path + req.path)
    identifier = request_id_of(req, app)
    return problem._replace(
        type=type_,
        instance=path if identifier is None else f"{path}#{quote(identifier, safe=_FRAGMENT)}",
        request_id=identifier,
        documentation=page,
    )


def page_url(app: AppState, root_path: str, name: str = "") -> str:
    """Return the path of a page of the reference.

    :param root_path: The path that the app is mounted at.
    :param name: The last part, for the page of an error.
    """
    page = f"/{quote(name, safe='')}" if name else ""
    return f"{_quote_path(root_path).rstrip('/')}{app.config.reference_url}{page}"


def _quote_path(path: str) -> str:
    # Two slashes at the start would begin the name of a host, which a forged prefix could choose.
    return quote("/" + path.strip("/"), safe="/!$&'()*+,;=:@~")


def _dumps(body: object, flask_app: Flask) -> bytes:
    """Write JSON (RFC 8259) in ASCII, by Flask's own encoder unless the app has another."""
    plain_body = as_json(body)
    if type(flask_app.json) is DefaultJSONProvider:
        return json.dumps(plain_body, separators=(",", ":"), allow_nan=False).encode() + b"\n"
    return flask_app.json.dumps(plain_body).encode("utf-8", "replace") + b"\n"


def _response(
    status: int,
    body: bytes,
    media_type: str,
    own: HeaderPairs,
    app: AppState,
    flask_app: Flask,
) -> Response:
    content_type = _CONTENT_TYPES.get(media_type) or ("Content-Type", media_type)
    fields = (content_type, *COMMON_FIELDS.add_to(own))
    line = _STATUS_LINES.get(status) or f"{status} UNKNOWN"
    response_class = flask_app.response_class
    stand_in = app.stand_ins.get(response_class)
    return stand_in(body, line, fields) if stand_in else response_class(body, line, OneVary(fields))
