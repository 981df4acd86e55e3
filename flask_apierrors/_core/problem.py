"""An exception becomes a ``Problem``: what a client may know, and the fields that it needs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from flask import Request
from werkzeug.exceptions import (
    HTTPException,
    SecurityError,
    ServiceUnavailable,
    TooManyRequests,
    Unauthorized,
)

from .errors import ApiError, FieldError, Problem, ValidationFailed, status_title, status_type
from .http import HeaderPairs, delay_seconds, has_field, header_pairs
from .sentences import Sentence, text_of
from .state import AppState, current_flask
from .statuses import STATUSES
from .text import as_text
from .validation import Invalid, describe_errors

_PLAIN_GET_HEADERS = HTTPException.get_headers
#: Methods that read all fields from the attributes of an ``ApiError``.
_READING_ATTRIBUTES = (
    ApiError.get_headers,
    HTTPException.get_headers,
    Unauthorized.get_headers,
    TooManyRequests.get_headers,
)
_WITH_DELAY = (ApiError, TooManyRequests, ServiceUnavailable)
_OF_THE_PAGE = ("content-type", "content-length")


class Draft:
    """A problem in the making: who wrote its sentence is still known."""

    __slots__ = ("errors", "extensions", "headers", "status", "text", "title", "type")

    def __init__(self, status: int, type: str | None = None, title: str | None = None) -> None:
        self.status = status
        self.type = type or status_type(status)
        self.title = title or status_title(status)
        #: A text of the author's, a sentence of this package, or ``None``: the status's own.
        self.text: str | Sentence | None = None
        self.headers: HeaderPairs = ()
        self.errors: tuple[FieldError | Mapping[str, Any], ...] = ()
        self.extensions: Mapping[str, Any] = {}


def to_problem(exc: Exception, req: Request, app: AppState) -> Problem:
    """Say what a client may know of an exception.

    :param exc: An ``HTTPException`` with an error status, or an exception of a validator. Anything
        else is a 500 that tells nothing.
    """
    draft = _draft(exc, req, app)
    row = STATUSES.get(draft.status)
    if row is not None:
        for name in row.fields:
            if not has_field(draft.headers, name):
                draft.headers += _FIELDS[name](exc, req, app)
        if draft.text is None and draft.status in _SENTENCES:
            draft.text = _SENTENCES[draft.status](draft, req, app)
    text = draft.text
    if not isinstance(text, str):
        sentence = text or Sentence(draft.status)
        text = text_of(sentence, app.config.messages, draft.status, draft.type)
    return Problem(
        draft.status,
        draft.type,
        draft.title,
        text,
        draft.headers,
        draft.errors,
        draft.extensions,
    )


def _draft(exc: Exception, req: Request, app: AppState) -> Draft:
    if isinstance(exc, HTTPException):
        status = exc.code
        if not isinstance(status, int) or not 400 <= status <= 599 or status == 500:
            return Draft(500)  # a status that is not an error's is a mistake of the author
        if isinstance(exc, ValidationFailed):
            return _draft_of_validation_failed(exc, req, app)
        # Validators that raise an HTTPException keep what they found in its `data`.
        invalid = describe_invalid(exc, req, app) if "data" in vars(exc) else None
        if invalid is None:
            return _draft_of_http_exception(exc, status, req)
        status = app.config.validation_status if status == 422 else status
        draft = _draft_of_invalid(invalid, status, app)
        draft.headers = _own_headers(exc, req) + invalid.headers
        return draft
    invalid = describe_invalid(exc, req, app)
    if invalid is None:
        return Draft(500)
    return _draft_of_invalid(invalid, app.config.validation_status, app)


def _draft_of_http_exception(exc: HTTPException, status: int, req: Request) -> Draft:
    text = _own_text(exc)
    if isinstance(exc, ApiError):
        if exc.type:
            draft = Draft(status, exc.type, as_text(exc.title or status_title(status)))
            text = text or exc._sentence or Sentence("titled", title=draft.title)
        else:
            draft = Draft(status)
        draft.errors, draft.extensions = exc.errors, exc.extensions
    else:
        draft = Draft(status)
    draft.text = text
    if type(exc).get_headers is not _PLAIN_GET_HEADERS:
        draft.headers = _own_headers(exc, req)
    return draft


def _draft_of_invalid(invalid: Invalid, status: int, app: AppState) -> Draft:
    draft = Draft(status, "validation-failed", "Validation failed")
    draft.text = _sentence_of_invalid(invalid, app)
    draft.errors = invalid.errors
    return draft


def _sentence_of_invalid(invalid: Invalid, app: AppState) -> str | Sentence | None:
    text = invalid.sentence or None
    # Without a text of the administrator's, the sentence is that of the errors.
    return Sentence("validation-failed", errors=text) if text and app.config.messages else text


def _draft_of_validation_failed(exc: ValidationFailed, req: Request, app: AppState) -> Draft:
    config = app.config
    invalid = describe_errors(exc.errors, config.max_errors, config.text_of)
    draft = _draft_of_http_exception(exc, config.validation_status, req)
    draft.text = _own_text(exc) or _sentence_of_invalid(invalid, app)
    draft.errors = invalid.errors
    return draft


def describe_invalid(exc: Exception, req: Request, app: AppState) -> Invalid | None:
    """Say what is wrong with a request, if an exception is a validator's."""
    for validator in app.validators:
        invalid = validator.describe(exc, req, app.config)
        if invalid is not None:
            return invalid
    return None


def _own_text(exc: HTTPException) -> str | Sentence | None:
    """Return the author's text, or the sentence of this package that was raised."""
    text: object = vars(exc).get("description")
    if text is None and _has_own_text(type(exc)):  # type: ignore[arg-type]
        text = exc.description
    if text is None or isinstance(text, Sentence):
        return text
    if isinstance(exc, SecurityError):
        return None  # Werkzeug's own text, which repeats what the client sent
    if type(text) is not str or not text.isascii():  # the usual text needs no conversion
        text = as_text(text)
    return text if text.strip() else None


@lru_cache(1_024)
def _has_own_text(cls: Any) -> bool:
    """Whether an author wrote the text of a class, and not Werkzeug."""
    writer = next(base for base in cls.__mro__ if "description" in vars(base))
    return bool(writer.__module__ != HTTPException.__module__)


def _own_headers(exc: HTTPException, req: Request) -> HeaderPairs:
    """Return the fields of an exception, without those of its HTML page."""
    # To ask `get_headers` of each makes a 401 or a 403 slower by 15 %.
    cls: Any = type(exc)
    is_plain = isinstance(exc, ApiError) and _keeps_fields_in_attributes(cls)
    is_plain = is_plain and not vars(exc).get("www_authenticate")
    headers: object = vars(exc)["headers"] if is_plain else exc.get_headers(req.environ)
    # Werkzeug drops a delay of 0 and does not round one of 0.5: read what the author set.
    delay: object = exc.retry_after if isinstance(exc, _WITH_DELAY) else None
    if delay is None and not headers:
        return ()
    fields = []
    for pair in header_pairs(headers):
        name = pair[0].lower()
        if name == "retry-after":
            delay = pair[1] if delay is None else delay
        elif name not in _OF_THE_PAGE:
            fields.append(pair)
    seconds = None if delay is None else delay_seconds(delay)
    if seconds is not None:
        fields.append(("Retry-After", str(max(1, seconds) if exc.code == 429 else seconds)))
    return tuple(fields)


@lru_cache(1_024)
def _keeps_fields_in_attributes(cls: Any) -> bool:
    """Whether ``headers``, ``retry_after`` and ``www_authenticate`` are all fields of a class."""
    makers = [vars(base).get("get_headers") for base in cls.__mro__]
    return all(maker is None or maker in _READING_ATTRIBUTES for maker in makers)


# -- the fields that a status always has


def _challenges(exc: Exception, req: Request, app: AppState) -> HeaderPairs:
    """One challenge for each scheme that would do (RFC 9110 section 11.6.1)."""
    realm = app.config.realm
    challenges = [scheme.challenge(exc, req.environ, realm) for scheme in app.schemes]
    return tuple([("WWW-Authenticate", challenge) for challenge in challenges])


def _allow(exc: Exception, req: Request, app: AppState) -> HeaderPairs:
    """Routing names the methods. ``abort(405)`` does not, but must (RFC 9110 section 15.5.6)."""
    try:
        adapter = current_flask().create_url_adapter(req)
    except HTTPException:  # the Host is not trusted
        adapter = None
    return (("Allow", ", ".join(sorted(adapter.allowed_methods()) if adapter else ())),)


def _retry_after(exc: Exception, req: Request, app: AppState) -> HeaderPairs:
    seconds = app.config.retry_after
    is_429 = isinstance(exc, HTTPException) and exc.code == 429
    return (("Retry-After", str(max(1, seconds) if is_429 else seconds)),)


_FIELDS = {"WWW-Authenticate": _challenges, "Allow": _allow, "Retry-After": _retry_after}


# -- sentences that say more than the one of their status


def _unauthorized(draft: Draft, req: Request, app: AppState) -> Sentence | None:
    for scheme in app.schemes:
        sentence = scheme.sentence(req.environ)
        if sentence is not None:
            return sentence
    return None


def _content_too_large(draft: Draft, req: Request, app: AppState) -> Sentence | None:
    limit = req.max_content_length
    if limit is None or (req.content_length or 0) <= limit:
        return None
    return Sentence(413, limit=limit)


def _too_many_requests(draft: Draft, req: Request, app: AppState) -> Sentence:
    seconds = next(value for name, value in draft.headers if name.lower() == "retry-after")
    limit = draft.extensions.get("limit")
    return too_many_requests(int(seconds), None if limit is None else as_text(limit))


def too_many_requests(seconds: int, limit: str | None = None) -> Sentence:
    """Return the sentence of a 429.

    :param seconds: When to try again.
    :param limit: The limit in words, if it is known.
    """
    unit = "second" if seconds == 1 else "seconds"
    if limit is None:
        return Sentence(429, retry_after=seconds, unit=unit)
    return Sentence(429, limit=limit, retry_after=seconds, unit=unit)


_SENTENCES = {401: _unauthorized, 413: _content_too_large, 429: _too_many_requests}
