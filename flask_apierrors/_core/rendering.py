"""A ``Problem`` becomes a response, in the format that the client asks for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from flask import Flask, Request, Response
from flask.json.provider import DefaultJSONProvider
from werkzeug.http import HTTP_STATUS_CODES

from .accept import PROBLEM_JSON, wants_problem
from .errors import Problem, page_name
from .formats import plain, problem_json
from .header_fields import COMMON_FIELDS
from .http import HeaderPairs
from .sentences import Sentence
from .state import AppState, current_flask, request_id
from .text import as_json

_JSON = "application/json"
_encode = json.JSONEncoder().encode
_STATIC_500 = json.dumps({"error": str(Sentence(500))}).encode() + b"\n"
_STATUS_LINES = {
    status: f"{status} {phrase.upper()}" for status, phrase in HTTP_STATUS_CODES.items()
}
_CONTENT_TYPES = {media_type: ("Content-Type", media_type) for media_type in (_JSON, PROBLEM_JSON)}


def render(problem: Problem, req: Request, app: AppState) -> Response:
    """Make the response: RFC 9457 if the client names problem+json, else the plain body."""
    flask_app = current_flask()
    accept = req.environ.get("HTTP_ACCEPT")
    if accept is not None and wants_problem(accept):
        media_type = PROBLEM_JSON
        body = _dumps(problem_json(_locate(problem, req, app)), flask_app)
    else:
        media_type = _JSON
        body = _plain_body(problem, req, app, flask_app)
    return _response(problem.status, body, media_type, problem.headers, app, flask_app)


def static_500(app: AppState, headers: HeaderPairs = ()) -> Response:
    """Make the response for when everything else failed: its body is a constant."""
    return _response(500, _STATIC_500, _JSON, headers, app, current_flask())


def _plain_body(problem: Problem, req: Request, app: AppState, flask_app: Flask) -> bytes:
    if app.hooks.format is not None:
        body = app.call(app.hooks.format, _locate(problem, req, app))
        if not isinstance(body, Mapping):
            raise TypeError(
                f"The @errors.format function must return a dict, not {type(body).__name__}."
            )
        return _dumps(body, flask_app)
    if app.config.members != ("error",):
        return _dumps(plain(_locate(problem, req, app), app.config.members), flask_app)
    if type(flask_app.json) is DefaultJSONProvider:
        # The usual body, seven times as fast as by json.dumps.
        return f'{{"error":{_encode(problem.detail)}}}\n'.encode()
    return _dumps({"error": problem.detail}, flask_app)


def _locate(problem: Problem, req: Request, app: AppState) -> Problem:
    """Add what only the request knows. Never read ``Host``, which may be an attacker's."""
    documentation = None
    if app.config.reference_url is not None:
        name = quote(page_name(problem.type), safe="")
        documentation = f"{_quote_path(req.root_path).rstrip('/')}{app.config.reference_url}/{name}"
    return problem._replace(
        instance=_quote_path(req.root_path + req.path),
        request_id=request_id(req, app),
        documentation=documentation,
    )


def _quote_path(path: str) -> str:
    return quote(path.rstrip("/") or "/", safe="/!$&'()*+,;=:@~")


def _dumps(body: Mapping[str, Any], flask_app: Flask) -> bytes:
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
    fields = (_CONTENT_TYPES[media_type], *COMMON_FIELDS.add_to(own))
    line = _STATUS_LINES.get(status) or f"{status} UNKNOWN"
    response_class = flask_app.response_class
    return app.stand_ins.get(response_class, response_class)(body, line, fields)
