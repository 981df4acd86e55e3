"""The errors: what an author raises, and the value that every exception becomes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from werkzeug.exceptions import HTTPException, TooManyRequests, Unauthorized, default_exceptions
from werkzeug.http import HTTP_STATUS_CODES

from .http import HeaderPairs, Seconds, delay_seconds, header_pairs
from .statuses import RETRIES, Retry

if TYPE_CHECKING:
    from typing_extensions import Self

#: What gives the page's Content-Type, and at most a Retry-After that :class:`ApiError` makes itself, or ``www_authenticate``.
_NO_FURTHER_FIELDS = (
    HTTPException.get_headers,
    TooManyRequests.get_headers,
    Unauthorized.get_headers,
)
_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class Sentence(str):
    """A text of this package, not of an author: ``APIERRORS_MESSAGES`` may replace it."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing that is wrong with a request, as a client program reads it (RFC 9457 section 3, the ``errors`` example)."""

    #: The message.
    detail: str
    #: Where in the body: a JSON Pointer as a URI fragment (RFC 6901 section 6), e.g. ``#/items/3/name``.
    pointer: str | None = None
    #: Where outside the body: the name of the parameter.
    parameter: str | None = None
    #: What kind of parameter: ``query``, ``header``, ``path`` or ``cookie``.
    location: str | None = None

    def to_dict(self) -> dict[str, str]:
        """The members that have a value; ``location`` is written ``in``, as in OpenAPI."""
        members = {
            "detail": self.detail,
            "pointer": self.pointer,
            "parameter": self.parameter,
            "in": self.location,
        }
        return {name: value for name, value in members.items() if value is not None}


class Problem(NamedTuple):
    """What went wrong in one request, normalised: everything that a body can be made of."""

    #: The status code: 400 to 599.
    status: int
    #: A short stable name such as ``vessel-not-found``, or the author's own absolute URI.
    type: str
    #: The same for every occurrence of the type.
    title: str
    #: The sentence: never empty.
    detail: str
    #: Header fields of the answer, in order.
    headers: HeaderPairs = ()
    #: What is wrong in detail; of a failed validation, each field.
    errors: tuple[FieldError | Mapping[str, Any], ...] = ()
    #: The author's further members (RFC 9457 section 3.2).
    extensions: Mapping[str, Any] = {}
    #: The path of the request, percent-encoded.
    instance: str | None = None
    #: The identifier of the request, unless those are off.
    request_id: str | None = None
    #: Where this type is explained, when there is a reference page.
    documentation: str | None = None


class ApiError(HTTPException):
    """An error with a sentence for the client, to raise or to subclass.

    A subclass that is to have a status of its own names Werkzeug's class for it, ``class VesselNotFound(ApiError,
    NotFound)``, or a ``code``. Its docstring is the text of the reference page.

    :param detail: The sentence; by default the one for the type or the status. Never sent when the status is 500.
    :param status: The status, for an error without a class. The exception then is of Werkzeug's class for it as well,
        so that ``errorhandler(409)`` and ``errorhandler(Conflict)`` see it.
    :param headers: Header fields of the answer: a mapping, or pairs.
    :param retry_after: When to try again: seconds, a ``timedelta`` or a ``datetime``; sent as whole seconds, rounded up.
    :param errors: What is wrong in detail, as :class:`FieldError`.
    :param extensions: Further members of the problem+json body (RFC 9457 section 3.2).
    """

    #: RFC 9457 ``type``: the last part of its URI, or an absolute URI. Made from the class name by default.
    type: ClassVar[str | None] = None
    #: RFC 9457 ``title``: the same for every occurrence. Made from the class name by default.
    title: ClassVar[str | None] = None
    #: May a client try again? ``never``, ``after-delay`` or ``if-idempotent``; by default it follows from the status.
    retry: ClassVar[Retry | None] = None
    #: Are ``headers``, ``retry_after`` and ``www_authenticate`` all that ``get_headers`` would give, beside Content-Type?
    _headers_are_own: ClassVar[bool] = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.retry not in (None, *RETRIES):
            raise ValueError(
                f"{cls.__name__}.retry = {cls.retry!r}: choose one of {', '.join(RETRIES)}."
            )
        words = _WORD_START.sub(" ", cls.__name__).replace("_", " ").split()
        if "type" not in cls.__dict__:
            cls.type = "-".join(words).lower()
        if "title" not in cls.__dict__:
            cls.title = " ".join(words).capitalize()
        usual = super().get_headers in _NO_FURTHER_FIELDS
        cls._headers_are_own = usual and cls.get_headers is ApiError.get_headers

    def __new__(cls, *args: Any, status: int | None = None, **kwargs: Any) -> Self:
        made: type[Self] = cls
        wanted = cls.code or status
        if wanted in default_exceptions and not issubclass(cls, default_exceptions[wanted]):
            made = _class_with_status(cls, wanted)  # type: ignore[arg-type]
        return super().__new__(made)

    def __init__(
        self,
        detail: Any = None,
        *,
        status: int | None = None,
        headers: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None,
        retry_after: Seconds | None = None,
        errors: Iterable[FieldError | Mapping[str, Any]] = (),
        **extensions: Any,
    ) -> None:
        super().__init__(description=detail)
        self.code = status or self.code or 500
        self.headers = headers
        self.retry_after = retry_after
        self.errors = tuple(errors)
        self.extensions = extensions

    def get_headers(self, environ: Any = None, scope: Any = None) -> list[tuple[str, str]]:
        """The fields of Werkzeug's class for the status, replaced by the author's own of the same name."""
        if self.headers is None and self.retry_after is None:
            return list(super().get_headers(environ, scope))
        own = list(header_pairs(self.headers))
        seconds = delay_seconds(self.retry_after)
        if seconds is not None:
            own.append(("Retry-After", str(seconds)))
        names = {name.lower() for name, _ in own} | {"retry-after"}
        return [
            pair for pair in super().get_headers(environ, scope) if pair[0].lower() not in names
        ] + own


@cache
def _class_with_status(cls: Any, status: int) -> Any:
    bases = (cls, default_exceptions[status])
    names = {
        "__module__": cls.__module__,
        "__doc__": cls.__doc__,
        "type": cls.type,
        "title": cls.title,
    }
    return type(cls.__name__, bases, names)


class InvalidToken(ApiError, Unauthorized):
    """The Bearer token was sent, and is invalid or expired.

    To raise in ``verify_token``: the sentence says why, in the body and in ``error_description`` (RFC 6750 section 3.1).
    """


def status_title(status: int) -> str:
    """The phrase of a status: the title of a problem that has no other type (RFC 9457 section 4.2.1)."""
    return HTTP_STATUS_CODES.get(status, "Unknown Error")


@cache
def status_type(status: int) -> str:
    """The type of a problem that is nothing but its status: ``not-found``, ``status-499``."""
    known = default_exceptions.get(status)
    return _WORD_START.sub("-", known.__name__).lower() if known else f"status-{status}"


def page_name(type: str) -> str:
    """The last part of the address that explains a type; of an absolute URI, its own last part."""
    return re.split("[#/:]", type.rstrip("#/:"))[-1] if ":" in type else type


_SENTENCES = {
    400: "The request was malformed or failed validation.",
    401: "Authentication failed: the Authorization header is missing.",
    403: "You do not have permission to access the requested content.",
    404: "The requested resource does not exist.",
    405: "The method is not allowed for the requested resource.",
    406: "The server cannot produce a response matching the Accept header.",
    408: "The request did not arrive in time.",
    410: "The requested resource no longer exists and will not come back.",
    413: "The request body is too large.",
    415: "Unsupported media type.",
    422: "The request was malformed or failed validation.",
    429: "Too many requests. Retry after {retry_after} seconds.",
    500: "Internal server error. Please retry your request or contact support if the problem persists.",
    501: "The server does not support what was requested.",
    503: (
        "The service is temporarily unavailable. "
        "Please retry your request after a short delay or contact support if the problem persists."
    ),
}
MALFORMED_AUTHORIZATION = (
    "Authentication failed: the Authorization header does not hold a Bearer token."
)
REJECTED_TOKEN = "Authentication failed: the Bearer token is invalid or expired."  # noqa: S105

#: Texts that Werkzeug wrote for people at a browser: nobody's own words, so our sentences replace them.
WERKZEUG_TEXTS = frozenset(cls.description for cls in default_exceptions.values())


@cache
def default_sentence(status: int) -> str:
    """The sentence for a status that no author said anything about; never empty, free of markup."""
    if status in _SENTENCES:
        return _SENTENCES[status]
    known = default_exceptions.get(status)
    text = re.sub(r"<[^>]*>", "", (known.description if known else "") or "")
    return text or f"{status_title(status)}."
