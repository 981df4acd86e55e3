"""An exception becomes a ``Problem``: what a client may know, and the fields that it needs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from flask import Request
from markupsafe import Markup
from werkzeug.exceptions import (
    HTTPException,
    SecurityError,
    ServiceUnavailable,
    TooManyRequests,
    Unauthorized,
)

from .errors import (
    ABOUT_BLANK,
    ApiError,
    FieldError,
    Problem,
    ValidationFailed,
    code_of_status,
    code_of_type,
    status_title,
)
from .header_fields import OF_THE_CONNECTION
from .http import CheckedPairs, HeaderPairs, delay_seconds, has_field, header_pairs, quoted_realm
from .log_records import PackageLogger
from .missing_key import missing_key
from .scheme import challenges, sent_scheme, sentence_of_401
from .sentences import Sentence, text_of
from .state import AppState, current_flask
from .statuses import STATUSES
from .text import as_text
from .validation import Invalid, describe_errors
from .words import Words, words_of, words_of_data, words_of_invalid

_PLAIN_GET_HEADERS = HTTPException.get_headers
_PLAIN_BODY = (HTTPException.get_body, HTTPException.get_response)
_PLAIN_GET_DESCRIPTION = HTTPException.get_description
#: Methods that read all fields from the attributes of an ``ApiError``.
_READING_ATTRIBUTES = (
    ApiError.get_headers,
    HTTPException.get_headers,
    Unauthorized.get_headers,
    TooManyRequests.get_headers,
)
_WITH_DELAY = (ApiError, TooManyRequests, ServiceUnavailable)
_OF_THE_PAGE = ("content-type", "content-length")
_logger = PackageLogger()


class Draft:
    """A problem in the making: who wrote its sentence is still known."""

    __slots__ = ("code", "errors", "extensions", "headers", "status", "text", "title", "type")

    def __init__(self, status: int, type: str | None = None, title: str | None = None) -> None:
        self.status = status
        self.code = code_of_type(type) if type else code_of_status(status)
        self.type = type if type and ":" in type else ABOUT_BLANK
        self.title = title or status_title(status)
        #: A text of the author's, a sentence of this package, or ``None``: the status's own.
        self.text: str | Sentence | None = None
        self.headers: HeaderPairs = ()
        self.errors: tuple[FieldError | Mapping[str, Any], ...] = ()
        self.extensions: Mapping[str, Any] = {}

    def add(self, words: Words) -> None:
        """Add what an author or a validator says."""
        self.text = words.text or self.text
        # A sum would lose the errors that `FieldErrors` left out.
        self.errors = self.errors + words.errors if self.errors else words.errors
        self.headers += words.headers
        self.extensions = {**words.members, **self.extensions}
        if words.is_validation:
            self.code, self.title = "validation-failed", "Validation failed"


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
        text = text_of(sentence, app.config.messages, draft.status, draft.code)
    return Problem(
        draft.status,
        draft.code,
        draft.title,
        text,
        draft.headers,
        draft.errors,
        draft.extensions,
        draft.type,
    )


def _draft(exc: Exception, req: Request, app: AppState) -> Draft:
    if isinstance(exc, HTTPException):
        status = exc.code
        if not isinstance(status, int) or not 400 <= status <= 599:
            _logger.warning(
                "%s has the status %r. Choose one from 400 to 599.", type(exc).__name__, status
            )
            return Draft(500)
        if status == 500 and not (isinstance(exc, ApiError) and exc.public):
            return Draft(500)
        if isinstance(exc, ValidationFailed):
            return _draft_of_validation_failed(exc, req, app)
        draft = _draft_of_http_exception(exc, status, req, app)
        data = vars(exc).get("data")
        if isinstance(data, Mapping) and _is_of_abort(exc):
            invalid = describe_invalid(exc, req, app)
            if isinstance(invalid, HTTPException):
                return _draft(invalid, req, app)
            if "messages" in data and invalid is not None and status == 422:
                draft.status = app.config.validation_status
            draft.add(words_of_data(exc, data, invalid, req, app.config))
            draft.headers = _without_page_fields(draft.headers, None, status)
        return draft
    invalid = describe_invalid(exc, req, app)
    if not isinstance(invalid, Invalid):
        return Draft(500)
    draft = Draft(app.config.validation_status)
    draft.add(words_of_invalid(invalid, app.config))
    return draft


def _draft_of_http_exception(exc: HTTPException, status: int, req: Request, app: AppState) -> Draft:
    text = _own_text(exc, req)
    if isinstance(exc, ApiError):
        text = vars(exc).get("_sentence") or text
        if exc.type:
            draft = Draft(status, exc.type, as_text(exc.title or status_title(status)))
            draft.text = exc._sentence or Sentence("titled", title=draft.title)
        else:
            draft = Draft(status)
        draft.errors, draft.extensions = exc.errors, exc.extensions
    else:
        draft = Draft(status)
        if text is None and isinstance(exc, KeyError):
            text = missing_key(exc)
    if type(text) is str or isinstance(text, Sentence):
        draft.text = text
    elif text is not None:
        draft.add(words_of(text, status, req, app.config))
    if type(exc).get_headers is not _PLAIN_GET_HEADERS:
        draft.headers += _own_headers(exc, req)
    return draft


def _draft_of_validation_failed(exc: ValidationFailed, req: Request, app: AppState) -> Draft:
    config = app.config
    words = words_of_invalid(describe_errors(exc.errors, config.max_errors, config.text_of), config)
    draft = _draft_of_http_exception(exc, config.validation_status, req, app)
    if _own_text(exc, req) is None:
        draft.text = words.text
    draft.errors = words.errors
    return draft


def _is_of_abort(exc: HTTPException) -> bool:
    """Whether the ``abort`` of another library made an exception, and not a class of an author."""
    return "exc" in vars(exc) or type(exc).__module__ == HTTPException.__module__


@lru_cache(1_024)
def writes_own_body(cls: Any) -> bool:
    """Whether a class of ``HTTPException`` makes its own body."""
    return (cls.get_body, cls.get_response) != _PLAIN_BODY


def own_response(exc: HTTPException, req: Request) -> Any:
    """Return the response of an exception that makes its own body.

    :returns: ``None`` for a status that is not an error's, and for a 500: its text is never sent.
    """
    if not isinstance(exc.code, int) or not 400 <= exc.code <= 599 or exc.code == 500:
        return None
    response = exc.get_response(req.environ)
    for name in OF_THE_CONNECTION:
        response.headers.remove(name)
    return response


def describe_invalid(exc: Exception, req: Request, app: AppState) -> Invalid | HTTPException | None:
    """Say what is wrong with a request, if an exception is a validator's.

    :returns: ``None`` for any other exception, and for invalid data of the server's own.
    """
    for validator in app.validators:
        if validator.is_internal(exc, req):
            return None
        invalid = validator.describe(exc, req, app.config)
        if invalid is not None:
            return invalid
    return None


def _own_text(exc: HTTPException, req: Request) -> object:
    """Return what the author gave as the text, or the sentence of this package that was raised."""
    cls: Any = type(exc)
    if cls.get_description is not _PLAIN_GET_DESCRIPTION:
        return _unwrap(exc.get_description(req.environ))
    text: object = vars(exc).get("description")
    if text is None and _has_own_text(cls):
        text = exc.description
    if isinstance(exc, SecurityError):
        return text if isinstance(text, Sentence) else None  # Werkzeug's repeats what was sent
    if not isinstance(text, str):
        return text
    if type(text) is not str or not text.isascii():  # the usual text needs no conversion
        text = as_text(text)
    return text if text.strip() else None


def _unwrap(html: object) -> object:
    """Return the text of a paragraph, which is what Werkzeug asks ``get_description`` for."""
    is_paragraph = isinstance(html, str) and html.startswith("<p>") and html.endswith("</p>")
    return Markup(html).striptags() if is_paragraph else html  # noqa: S704 - the result is text


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
    if delay is None and type(headers) is CheckedPairs:
        return headers  # this package's
    if delay is None and not headers:
        return ()
    return _without_page_fields(header_pairs(headers), delay, exc.code)


def _without_page_fields(pairs: HeaderPairs, delay: object, status: int | None) -> HeaderPairs:
    """Leave out the fields of an HTML page, and write ``Retry-After`` in whole seconds."""
    fields = []
    for pair in pairs:
        name = pair[0].lower()
        if name == "retry-after":
            delay = pair[1] if delay is None else delay
        elif name == "www-authenticate":
            # An empty one is none, and Werkzeug's class writes the realm as a token.
            fields += [(pair[0], quoted_realm(pair[1]))] if pair[1].strip() else []
        elif name not in _OF_THE_PAGE:
            fields.append(pair)
    seconds = None if delay is None else delay_seconds(delay)
    if seconds is not None:
        fields.append(("Retry-After", str(max(1, seconds) if status == 429 else seconds)))
    return tuple(fields)


@lru_cache(1_024)
def _keeps_fields_in_attributes(cls: Any) -> bool:
    """Whether ``headers``, ``retry_after`` and ``www_authenticate`` are all fields of a class."""
    makers = [vars(base).get("get_headers") for base in cls.__mro__]
    return all(maker is None or maker in _READING_ATTRIBUTES for maker in makers)


# -- the fields that a status always has


def _challenges(exc: Exception, req: Request, app: AppState) -> HeaderPairs:
    """One challenge for each scheme that would do (RFC 9110 section 11.6.1)."""
    sent = sent_scheme(app.schemes, req)
    return challenges(app.schemes, sent, exc, app.config.challenge_parameters)


def _allow(exc: Exception, req: Request, app: AppState) -> HeaderPairs:
    """Routing names the methods. ``abort(405)`` does not, but must (RFC 9110 section 15.5.6).

    The view refused the method of the request, so it is not one of them.
    """
    try:
        adapter = current_flask().create_url_adapter(req)
    except HTTPException:  # the Host is not trusted
        adapter = None
    refused = {"GET", "HEAD"} if req.method == "GET" else {req.method}
    methods = set(adapter.allowed_methods()) - refused if adapter else ()
    return (("Allow", ", ".join(sorted(methods))),)


def _retry_after(exc: Exception, req: Request, app: AppState) -> HeaderPairs:
    if isinstance(exc, ApiError) and exc.retry == "never":
        return ()
    seconds = app.config.retry_after
    is_429 = isinstance(exc, HTTPException) and exc.code == 429
    return (("Retry-After", str(max(1, seconds) if is_429 else seconds)),)


_FIELDS = {"WWW-Authenticate": _challenges, "Allow": _allow, "Retry-After": _retry_after}


# -- sentences that say more than the one of their status


def _unauthorized(draft: Draft, req: Request, app: AppState) -> Sentence | None:
    return sentence_of_401(app.schemes, sent_scheme(app.schemes, req), req, draft.headers)


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


_SENTENCES = {401: _unauthorized, 429: _too_many_requests}
