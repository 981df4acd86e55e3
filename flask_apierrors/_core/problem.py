"""Any exception as a ``Problem``: what may be said of it, to whom, and with which headers."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, TypeGuard

from flask import Request, current_app
from werkzeug.exceptions import (
    BadRequestKeyError,
    HTTPException,
    SecurityError,
    ServiceUnavailable,
    TooManyRequests,
)

from .config import Config
from .errors import (
    MALFORMED_AUTHORIZATION,
    REJECTED_TOKEN,
    WERKZEUG_TEXTS,
    ApiError,
    InvalidToken,
    Problem,
    Sentence,
    status_title,
    status_type,
)
from .http import HeaderPairs, bearer_challenge, bearer_token, delay_seconds, header_pairs
from .text import as_text
from .validation import Invalid, describe, describe_locations

if TYPE_CHECKING:
    from marshmallow import ValidationError

_PLAIN_GET_HEADERS = HTTPException.get_headers
_WITH_DELAY = (ApiError, TooManyRequests, ServiceUnavailable)
_PAGE = HTTPException().get_headers()
_PAGE_FIELDS = ("content-type", "content-length")
#: Exceptions whose text is Werkzeug's own, which may repeat what the client sent.
_TALKATIVE = (BadRequestKeyError, SecurityError)
BODILESS_METHODS = ("GET", "HEAD", "DELETE", "OPTIONS")


def to_problem(exc: Exception, req: Request, config: Config) -> Problem:
    """What a client may know of an exception.

    Takes an ``HTTPException`` with an error status or a marshmallow ``ValidationError``; anything else, and a status
    that is not one of an error, is a 500, of which nothing is told.
    """
    if isinstance(exc, HTTPException):
        problem = _http_problem(exc, req, config)
    elif is_validation_error(exc):
        problem = _validation_problem(_describe(exc, req, config), config.validation_status, config)
    else:
        problem = _hidden(config)
    return (
        _COMPLETE[problem.status](problem, exc, req, config)
        if problem.status in _COMPLETE
        else problem
    )


def is_validation_error(exc: object) -> TypeGuard[ValidationError]:
    """Is it marshmallow's? Without importing marshmallow: where it is not imported, nobody raised it."""
    marshmallow = sys.modules.get("marshmallow")
    return marshmallow is not None and isinstance(exc, marshmallow.ValidationError)


def error_status(exc: HTTPException) -> int:
    """The status to answer with: the exception's own, if it is one of an error, else 500 (its author's bug)."""
    return exc.code if isinstance(exc.code, int) and 400 <= exc.code <= 599 else 500


def _hidden(config: Config) -> Problem:
    return Problem(
        500,
        "internal-server-error",
        status_title(500),
        config.sentence(500, "internal-server-error"),
    )


def _http_problem(exc: HTTPException, req: Request, config: Config) -> Problem:
    status = error_status(exc)
    if status == 500:
        return _hidden(config)
    headers = () if type(exc).get_headers is _PLAIN_GET_HEADERS else _own_headers(exc, req)
    if isinstance(exc, ApiError):
        type_ = exc.type or status_type(status)
        title = as_text(exc.title or status_title(status))
        detail = _detail(exc, config, status, type_, title if exc.type else None)
        return Problem(status, type_, title, detail, headers, exc.errors, exc.extensions)
    messages = _webargs_messages(exc)
    if messages is not None:
        return _webargs_problem(exc, messages, headers, config)
    type_ = status_type(status)
    return Problem(
        status, type_, status_title(status), _detail(exc, config, status, type_), headers
    )


def _detail(
    exc: HTTPException, config: Config, status: int, type_: str, title: str | None = None
) -> str:
    """The author's text; else the administrator's; else the title of the author's type; else the one for the status."""
    text = exc.description
    if isinstance(exc, _TALKATIVE) and not isinstance(exc, ApiError):
        text = None
    if text is not None and not (type(text) is str and text in WERKZEUG_TEXTS):
        said = as_text(text)
        if type(text) is Sentence:
            return config.message(status, type_) or said
        if said.strip():
            return said
    if title is not None and not isinstance(exc, InvalidToken):
        return config.message(status, type_) or f"{title}."
    return config.sentence(status, type_)


def _own_headers(exc: HTTPException, req: Request) -> HeaderPairs:
    """The fields of an exception, less those that spoke of the HTML page."""
    given: Any
    delay: object
    # Werkzeug drops a delay of 0, and passes on one of 0.5: read what its author gave.
    if (
        isinstance(exc, ApiError)
        and exc._headers_are_own
        and getattr(exc, "www_authenticate", None) is None
    ):
        given, delay = exc.headers, exc.retry_after
    else:
        given, delay = (
            exc.get_headers(req.environ),
            exc.retry_after if isinstance(exc, _WITH_DELAY) else None,
        )
        if type(given) is list and given[:1] == _PAGE:
            given = given[1:]
    if delay is None and not given:
        return ()
    fields = []
    for pair in header_pairs(given):
        name = pair[0].lower()
        if name == "retry-after":
            delay = pair[1] if delay is None else delay
        elif name not in _PAGE_FIELDS:
            fields.append(pair)
    seconds = None if delay is None else delay_seconds(delay)
    if seconds is not None:
        fields.append(("Retry-After", str(seconds)))
    return tuple(fields)


# -- validation


def _webargs_messages(exc: HTTPException) -> Mapping[Any, Any] | None:
    """webargs hangs ``exc``, and ``messages`` in ``data``, on what it aborts with; another ``data`` is nobody's business."""
    data = vars(exc).get("data") if "exc" in vars(exc) else None
    messages = data.get("messages") if isinstance(data, dict) else None
    return messages if isinstance(messages, Mapping) else None


def _webargs_problem(
    exc: HTTPException, messages: Mapping[Any, Any], headers: HeaderPairs, config: Config
) -> Problem:
    status = config.validation_status if exc.code == 422 else error_status(exc)
    cause = vars(exc)["exc"]
    validated = cause.data if is_validation_error(cause) else None
    problem = _validation_problem(
        describe_locations(messages, config.max_errors, validated), status, config
    )
    return problem._replace(headers=headers + header_pairs(vars(exc)["data"].get("headers")))


def _validation_problem(invalid: Invalid, status: int, config: Config) -> Problem:
    detail = invalid.sentence or config.sentence(status, "validation-failed")
    return Problem(status, "validation-failed", "Validation failed", detail, (), invalid.errors)


def _describe(exc: Any, req: Request, config: Config) -> Invalid:
    """marshmallow keeps a lone field's name beside the messages: only ``normalized_messages`` has both."""
    error: ValidationError = exc
    messages: object = (
        error.messages if error.field_name == "_schema" else exc.normalized_messages()
    )
    return describe(messages, config.max_errors, _location(error.data, req), error.data)


def _location(data: object, req: Request) -> str | None:
    """Where validated data came from: known by identity, else guessed from whether there is a body."""
    if data is not None and data is req.view_args:
        return "path"
    if type(data) not in (
        dict,
        list,
    ):  # JSON: it is none of these, and to parse them would cost more than the validation
        sources = {"query": req.args, "header": req.headers, "cookie": req.cookies}
        for location, source in sources.items():
            if data is source:
                return location
    return "query" if is_bodiless(req) else None


def is_bodiless(req: Request) -> bool:
    """Is there no content (RFC 9110 section 6.4), and need there be none for this method?"""
    environ = req.environ
    has_body = (
        environ.get("CONTENT_LENGTH") not in (None, "", "0") or "HTTP_TRANSFER_ENCODING" in environ
    )
    return req.method in BODILESS_METHODS and not has_body


# -- what a status always has


def _has(problem: Problem, name: str) -> bool:
    return bool(problem.headers) and name in [field.lower() for field, _ in problem.headers]


def _with(problem: Problem, name: str, value: str) -> Problem:
    return (
        problem
        if _has(problem, name.lower())
        else problem._replace(headers=(*problem.headers, (name, value)))
    )


def _is_default(problem: Problem, exc: Exception, config: Config) -> bool:
    """Is the sentence the built-in one, which can be made to say more?"""
    return (
        problem.detail == config.sentence(problem.status)
        and config.message(problem.status, problem.type) is None
    )


def _complete_401(problem: Problem, exc: Exception, req: Request, config: Config) -> Problem:
    authorization = req.environ.get("HTTP_AUTHORIZATION")
    rejected = isinstance(exc, InvalidToken) or bearer_token(authorization) is not None
    detail, headers = problem.detail, problem.headers
    if (rejected or authorization) and _is_default(problem, exc, config):
        detail = REJECTED_TOKEN if rejected else MALFORMED_AUTHORIZATION
    if not _has(problem, "www-authenticate"):
        headers += _challenge(exc, rejected, config.realm)
    return problem._replace(detail=detail, headers=headers)


def _challenge(exc: Exception, rejected: bool, realm: str) -> HeaderPairs:
    if isinstance(exc, InvalidToken) and exc.description not in WERKZEUG_TEXTS:
        said = bearer_challenge(realm, error="invalid_token", error_description=exc.description)
        return (("WWW-Authenticate", said),)
    return _bare_challenge(realm, "invalid_token" if rejected else None)


@cache
def _bare_challenge(realm: str, error: str | None) -> HeaderPairs:
    return (("WWW-Authenticate", bearer_challenge(realm, error=error)),)


def _complete_405(problem: Problem, exc: Exception, req: Request, config: Config) -> Problem:
    """Routing names the methods; ``abort(405)`` in a view does not (RFC 9110 section 15.5.6: MUST)."""
    if _has(problem, "allow"):
        return problem
    return _with(problem, "Allow", ", ".join(_allowed_methods(req)))


def _allowed_methods(req: Request) -> list[str]:
    try:
        adapter = current_app.create_url_adapter(req)
    except HTTPException:  # the Host is not to be trusted
        return []
    return sorted(adapter.allowed_methods()) if adapter else []


def _complete_413(problem: Problem, exc: Exception, req: Request, config: Config) -> Problem:
    most = req.max_content_length
    if most is not None and (req.content_length or 0) > most and _is_default(problem, exc, config):
        return problem._replace(detail=f"The request body is larger than {most} bytes.")
    return problem


def _complete_429(problem: Problem, exc: Exception, req: Request, config: Config) -> Problem:
    if (
        "{" not in problem.detail
        and ("Retry-After", "0") not in problem.headers
        and _has(problem, "retry-after")
    ):
        return problem
    given = next(
        (value for name, value in problem.headers if name.lower() == "retry-after"),
        config.retry_after,
    )
    seconds = str(max(1, int(given)))
    others = tuple(pair for pair in problem.headers if pair[0].lower() != "retry-after")
    limit = as_text(problem.extensions.get("limit", ""))
    detail = problem.detail.replace("{limit}", limit).replace("{retry_after}", seconds)
    return problem._replace(detail=detail, headers=(*others, ("Retry-After", seconds)))


def _complete_503(problem: Problem, exc: Exception, req: Request, config: Config) -> Problem:
    return _with(problem, "Retry-After", str(config.retry_after))


_COMPLETE = {
    401: _complete_401,
    405: _complete_405,
    413: _complete_413,
    429: _complete_429,
    503: _complete_503,
}
