"""What an author raises, and the value that every exception becomes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from werkzeug.exceptions import BadRequest, HTTPException, Unauthorized, default_exceptions
from werkzeug.http import HTTP_STATUS_CODES

from .http import ABSOLUTE_URI, HeaderPairs, Seconds, delay_seconds, header_pairs
from .messages import by_location
from .pointer import pointer_to
from .sentences import Sentence
from .statuses import RETRIES, STATUSES, Retry

if TYPE_CHECKING:
    from typing_extensions import Self

_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
#: The type of a problem that says no more than its status (RFC 9457 section 4.2.1).
ABOUT_BLANK = "about:blank"
#: The phrases of RFC 9110 and RFC 6585 that Werkzeug has in another form.
_PHRASES = {
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
    511: "Network Authentication Required",
}
#: A short name, as it stands in ``code`` and in the address of a page.
_CODE = re.compile(r"[\w.~-]+")
_ABSOLUTE_URI = re.compile(ABSOLUTE_URI)


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing that is wrong with a request, for a client program.

    See the ``errors`` example in RFC 9457 section 3.
    """

    #: The message.
    detail: str
    #: The place in the body: a JSON Pointer as a URI fragment (RFC 6901 section 6), e.g.
    #: ``#/items/3/name``.
    pointer: str | None = None
    #: The name of the parameter, for a value outside the body.
    parameter: str | None = None
    #: The kind of the parameter: ``query``, ``header``, ``path`` or ``cookie``.
    location: str | None = None
    #: What is wrong, for programs: a name or a number that never changes, such as ``too-short``.
    code: str | int | None = None
    #: The values that the message mentions, such as ``{"min": 3}``. Never what the client sent.
    params: Mapping[str, Any] | None = field(default=None, hash=False)

    @classmethod
    def at(
        cls,
        path: Iterable[str | int],
        detail: str,
        *,
        code: str | int | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> FieldError:
        """Make an error for a place in the body.

        :param path: The names of fields and the indexes of items, e.g. ``("items", 3, "name")``.
        :param detail: The message.
        :param code: What is wrong, for programs.
        :param params: The values that the message mentions.
        :returns: The error, with a pointer to the place.
        """
        return cls(detail, pointer_to(path), code=code, params=params)

    def to_dict(self) -> dict[str, Any]:
        """Convert to the members of the body.

        :returns: The members that have a value. ``location`` is called ``in``, as in OpenAPI.
        """
        members = {
            "detail": self.detail,
            "pointer": self.pointer,
            "parameter": self.parameter,
            "in": self.location,
            "code": self.code,
            "params": self.params,
        }
        return {name: value for name, value in members.items() if value is not None}


class FieldErrors(tuple[FieldError, ...]):
    """The errors that a body has, and those that were too many for it."""

    rest: Callable[[], Iterable[FieldError]]

    def __new__(
        cls, errors: Iterable[FieldError], rest: Callable[[], Iterable[FieldError]] = tuple
    ) -> Self:
        self = super().__new__(cls, errors)
        self.rest = rest
        return self


class Problem(NamedTuple):
    """An error in one request: everything that a body can be made of."""

    #: The status code, 400 to 599.
    status: int
    #: A short name that never changes, such as ``vessel-not-found``: what a program branches on.
    code: str
    #: The same for every occurrence of the error.
    title: str
    #: The sentence. It is never empty.
    detail: str
    #: The header fields of the response, in order.
    headers: HeaderPairs = ()
    #: The single mistakes, such as each invalid field.
    errors: tuple[FieldError | Mapping[str, Any], ...] = ()
    #: The author's further members (RFC 9457 section 3.2).
    extensions: Mapping[str, Any] = {}
    #: RFC 9457 ``type``, a URI: the author's own, else ``APIERRORS_TYPE_BASE`` and the code, else
    #: the address on the reference page, else ``about:blank``.
    type: str = ABOUT_BLANK
    #: A URI for this occurrence: the path of the request, and the request ID after a ``#``.
    instance: str | None = None
    #: The identifier of the request, unless request ids are off.
    request_id: str | None = None
    #: The address that explains this error, if there is a reference page.
    documentation: str | None = None

    @property
    def messages(self) -> dict[str, Any]:
        """What a validator found wrong, by location, even if it is too much for ``errors``.

        The locations are ``json``, ``form``, ``files``, ``query``, ``headers``, ``cookies`` and
        ``path``. Each has a tree as marshmallow writes it, with lists of texts:
        ``{"json": {"items": {3: {"name": ["Too short."]}}}}``. A text about all of it is at
        ``_schema``.
        """
        errors = chain(self.errors, getattr(self.errors, "rest", tuple)())
        return by_location(error for error in errors if isinstance(error, FieldError))


class ApiError(HTTPException):
    """An error with a sentence for the client. Raise it, or subclass it.

    A subclass gets its status from a Werkzeug class, as in ``class VesselNotFound(ApiError,
    NotFound)``, or from a ``code``. The reference page shows its docstring.

    :param detail: The sentence. The default depends on the type and the status. If the status is
        500, it is sent only if the error is public.
    :param status: The status, for an error without a class. The exception is then of Werkzeug's
        class for it as well, so ``errorhandler(409)`` and ``errorhandler(Conflict)`` see it.
    :param headers: Header fields of the response: a mapping, or pairs.
    :param retry_after: When to try again: seconds, a ``timedelta`` or a ``datetime``. It is sent
        as whole seconds, rounded up.
    :param errors: The single mistakes, as :class:`FieldError`.
    :param public: Whether an error with status 500 is sent as it is. The default is that of the
        class. The error is logged and signaled, like a crash, in both cases.
    :param extensions: Further members of the problem+json body (RFC 9457 section 3.2).
    """

    #: The ``code``, such as ``vessel-not-found``, or RFC 9457's ``type``: an absolute URI, whose
    #: last part is the code. The default is made from the name of the class.
    type: ClassVar[str | None] = None
    #: RFC 9457 ``title``, the same for every occurrence. The default is made from the name of the
    #: class.
    title: ClassVar[str | None] = None
    #: Whether a client may try again: ``never``, ``after-delay`` or ``if-idempotent``. The default
    #: depends on the status.
    retry: ClassVar[Retry | None] = None
    #: Whether an error with status 500 is sent as it is.
    public: bool = False
    #: The sentence of this package for an error without a text. Others say their title.
    _sentence: Sentence | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.retry not in (None, *RETRIES):
            raise ValueError(
                f"{cls.__name__}.retry = {cls.retry!r}: choose one of {', '.join(RETRIES)}."
            )
        own_type = cls.__dict__.get("type")
        if own_type is not None and not _is_type(own_type):
            raise ValueError(
                f"{cls.__name__}.type = {own_type!r}: give a short name without spaces, such as "
                "'vessel-not-found', or an absolute URI, such as "
                "'https://example.com/errors/vessel-not-found'."
            )
        words = _WORD_START.sub(" ", cls.__name__).replace("_", " ").split()
        if "type" not in cls.__dict__:
            cls.type = "-".join(words).lower()
        if "title" not in cls.__dict__:
            cls.title = " ".join(words).capitalize()

    def __new__(cls, *args: Any, status: int | None = None, **kwargs: Any) -> Self:
        code = cls.code or status
        if code in default_exceptions and not issubclass(cls, default_exceptions[code]):
            cls = _class_with_status(cls, code)  # type: ignore[arg-type]
        return super().__new__(cls)

    def __init__(
        self,
        detail: Any = None,
        *,
        status: int | None = None,
        headers: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None,
        retry_after: Seconds | None = None,
        errors: Iterable[FieldError | Mapping[str, Any]] = (),
        public: bool | None = None,
        **extensions: Any,
    ) -> None:
        if isinstance(detail, Sentence):
            # Handlers of other libraries read `description`, and expect a text.
            vars(self)["_sentence"], detail = detail, str(detail)
        super().__init__(description=detail)
        # No declaration: it would have to agree with that of every class of Werkzeug's.
        vars(self)["code"] = status or self.code or 500
        self.headers = headers
        self.retry_after = retry_after
        self.errors: tuple[FieldError | Mapping[str, Any], ...] = tuple(errors)
        if public is not None:
            self.public = public
        self.extensions = extensions

    def __reduce__(self) -> Any:
        # A cache or a queue finds the author's class by its name, and not the one made of it. An
        # author's `__init__` may want arguments that nobody has kept.
        cls = vars(type(self)).get("_author_class", type(self))
        return _new, (cls, vars(self)["code"]), vars(self)

    def get_headers(self, environ: Any = None, scope: Any = None) -> list[tuple[str, str]]:
        """Return the header fields, as Werkzeug asks for them.

        :returns: The fields of Werkzeug's class for the status. A field of the author's replaces
            one of the same name.
        """
        if self.headers is None and self.retry_after is None:
            return list(super().get_headers(environ, scope))
        own = list(header_pairs(self.headers))
        seconds = delay_seconds(self.retry_after)
        if seconds is not None:
            own.append(("Retry-After", str(seconds)))
        names = {name.lower() for name, _ in own} | {"retry-after"}
        inherited = super().get_headers(environ, scope)
        return [pair for pair in inherited if pair[0].lower() not in names] + own


@cache
def _class_with_status(cls: Any, status: int) -> Any:
    bases = (cls, default_exceptions[status])
    names = {
        "__module__": cls.__module__,
        "__doc__": cls.__doc__,
        "type": cls.type,
        "title": cls.title,
        "_author_class": cls,
    }
    return type(cls.__name__, bases, names)


def _new(cls: type[ApiError], status: int) -> ApiError:
    return cls.__new__(cls, status=status)


class InvalidCredentials(ApiError, Unauthorized):
    """The credentials of the request are invalid.

    Raise it in a function that verifies credentials. The sentence says why.

    :param detail: The sentence. The default is that of the scheme.
    :param challenge: Parameters of the challenge of the scheme, such as those of RFC 9470 section
        3: ``{"error": "insufficient_user_authentication", "max_age": 300}``.
    :param headers: Header fields of the response: a mapping, or pairs.
    :param extensions: Further members of the problem+json body (RFC 9457 section 3.2).
    """

    challenge: Mapping[str, Any] = MappingProxyType({})
    _sentence = Sentence("invalid-credentials")

    def __init__(
        self,
        detail: Any = None,
        *,
        challenge: Mapping[str, Any] | None = None,
        headers: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None,
        **extensions: Any,
    ) -> None:
        super().__init__(detail, headers=headers, **extensions)
        if challenge is not None:
            self.challenge = challenge


class InvalidToken(InvalidCredentials):
    """The Bearer token of the request is invalid or expired.

    Raise it in ``verify_token``. The sentence says why. It goes into the body and into the
    ``error_description`` of the challenge (RFC 6750 section 3.1).
    """

    _sentence = Sentence("invalid-token")


class ValidationFailed(ApiError, BadRequest):
    """What the client sent is invalid.

    The response is that of every failed validation: the sentence names each field, the list has at
    most ``APIERRORS_MAX_ERRORS`` errors, and the status is ``APIERRORS_VALIDATION_STATUS``.

    :param errors: What is wrong.
    :param detail: The sentence. The default is made of the errors.
    :param headers: Header fields of the response: a mapping, or pairs.
    :param extensions: Further members of the problem+json body (RFC 9457 section 3.2).
    """

    errors: tuple[FieldError, ...]

    def __init__(
        self,
        *errors: FieldError,
        detail: Any = None,
        headers: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None,
        **extensions: Any,
    ) -> None:
        super().__init__(detail, headers=headers, errors=errors, **extensions)


@cache
def status_title(status: int) -> str:
    """Return the phrase of a status, such as ``Not Found`` (RFC 9110 section 15)."""
    return _PHRASES.get(status) or HTTP_STATUS_CODES.get(status, "Unknown Error")


@cache
def code_of_status(status: int) -> str:
    """Return the code of an error without a class, such as ``not-found`` or ``status-499``."""
    row = STATUSES.get(status)
    if row is not None and row.code:
        return row.code
    cls = default_exceptions.get(status)
    return _WORD_START.sub("-", cls.__name__).lower() if cls else f"status-{status}"


def _is_type(type: object) -> bool:
    return isinstance(type, str) and bool(_CODE.fullmatch(type) or _ABSOLUTE_URI.fullmatch(type))


@cache
def code_of_type(type: str) -> str:
    """Return the short name of an error.

    :param type: The name itself, or an absolute URI that ends with it.
    """
    return _CODE.findall(type)[-1] if ":" in type else type


def uri_of_type(type: str | None) -> str:
    """Return the absolute URI that an author gave as a type, or ``about:blank``."""
    return type if type is not None and ":" in type else ABOUT_BLANK
