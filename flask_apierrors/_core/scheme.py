"""Authentication schemes: what each one reads and verifies, its challenges, and its sentences."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import Any, ClassVar

from flask import Request
from werkzeug.exceptions import HTTPException

from .errors import InvalidCredentials, InvalidToken
from .http import TOKEN, CheckedPairs, HeaderPairs, challenge, quotable
from .sentences import Sentence
from .text import has_text

Parameters = tuple[tuple[str, str], ...]
"""The parameters that every challenge has: the realm, and those of the configuration."""

_NEUTRAL = Sentence("authentication-required")
#: The types of OpenAPI security schemes whose credentials are in the ``Authorization`` header.
_IN_AUTHORIZATION = ("http", "oauth2", "openIdConnect")
_NONE: Mapping[str, Any] = MappingProxyType({})


class Scheme:
    """A way to authenticate (RFC 9110 section 11). Subclass it for one of your own.

    Define :meth:`credentials` and :meth:`verify`, and register an instance with
    ``errors.add_scheme``.
    """

    #: The name for ``@requires_auth("...")``, in any case, and of the OpenAPI security scheme.
    name: str
    #: The OpenAPI security scheme.
    security_scheme: Mapping[str, Any]
    #: What a client sends, for messages and the reference page: ``an API key``.
    credentials_name: str = "credentials"
    #: The scheme of the challenge (RFC 9110 section 11.1).
    auth_scheme: str
    #: The parameters of the challenge, besides the realm.
    parameters: Mapping[str, str] = _NONE
    #: Whether browsers send the credentials by themselves, as they send cookies. Credentials that
    #: a client adds to a request come first.
    is_ambient: bool = False
    #: The message for credentials that are invalid.
    _invalid: ClassVar[Sentence] = Sentence("invalid-credentials")

    def credentials(self, request: Request) -> Any:
        """Return what a request sent for this scheme, even if it is malformed.

        :param request: The request.
        :returns: The credentials, or ``None`` if it sent none.
        """
        raise NotImplementedError

    def verify(self, credentials: Any) -> Any:
        """Verify credentials. It may be ``async def``.

        :param credentials: What :meth:`credentials` returned.
        :returns: The principal, or ``None`` if the credentials are invalid.
        :raises InvalidCredentials: to say why they are.
        """
        raise NotImplementedError

    def refusal(self) -> HTTPException:
        """Return the exception for credentials that are invalid."""
        return InvalidCredentials(self._invalid)

    def error_parameters(self, exc: Exception | None) -> Mapping[str, Any]:
        """Return the parameters of the challenge for credentials that were refused."""
        return exc.challenge if isinstance(exc, InvalidCredentials) else _NONE

    def missing(self) -> Sentence:
        """Return the message for a request that sent nothing."""
        if self.in_authorization:
            return Sentence(401)
        place = self.security_scheme.get("in")
        if place in ("header", "query", "cookie"):
            return Sentence(f"missing-{place}", name=self.security_scheme.get("name", ""))
        return _NEUTRAL

    @cached_property
    def in_authorization(self) -> bool:
        """Whether the credentials are in the ``Authorization`` header."""
        return self.security_scheme.get("type") in _IN_AUTHORIZATION


#: The name of a scheme, as OpenAPI has it (Components Object).
_NAME = re.compile(r"[A-Za-z0-9._-]{1,32}")
_AUTH_SCHEME = re.compile(TOKEN)


def check_scheme(scheme: object) -> None:
    """Check that a scheme has what every scheme has.

    :raises TypeError: if it is no scheme.
    :raises ValueError: for an attribute that cannot be right.
    """
    if not isinstance(scheme, Scheme):
        raise TypeError(f"add_scheme takes an instance of a subclass of Scheme, not {scheme!r}.")
    kind = type(scheme).__name__
    for attribute, pattern in (("name", _NAME), ("auth_scheme", _AUTH_SCHEME)):
        value = getattr(scheme, attribute, None)
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise ValueError(f"{kind}.{attribute} = {value!r}: give a name without spaces.")
    security = getattr(scheme, "security_scheme", None)
    if not isinstance(security, Mapping) or "type" not in security:
        raise ValueError(
            f"{kind}.security_scheme = {security!r}: give an OpenAPI security scheme, such as "
            '{"type": "apiKey", "in": "header", "name": "X-Signature"}.'
        )


def words_of(schemes: Iterable[Scheme]) -> str:
    """Return what a client can send, in words: ``a Bearer token or an API key``."""
    *first, last = dict.fromkeys(scheme.credentials_name for scheme in schemes)
    if not first:
        return last
    comma = "," if len(first) > 1 else ""
    return f"{', '.join(first)}{comma} or {last}"


# -- challenges


def challenges(
    schemes: Sequence[Scheme], sent: Scheme | None, exc: Exception | None, parameters: Parameters
) -> CheckedPairs:
    """Return one challenge for each scheme that would do (RFC 9110 section 11.6.1).

    A 401 must have one. An app without a scheme knows its clients by other means, so its challenge
    names no scheme that a client could use by mistake.

    :param sent: The scheme whose credentials were refused. Its challenge says why, and comes first.
    :param exc: The exception of the response.
    """
    if sent is None and isinstance(exc, InvalidCredentials):
        sent = _scheme_of(exc, schemes)
    values = [
        _value(scheme.auth_scheme, tuple(scheme.parameters.items()), parameters)
        for scheme in schemes
        if scheme is not sent
    ]
    if sent is not None and (sent in schemes or not schemes):
        own = {**sent.parameters, **sent.error_parameters(exc)}
        values.insert(0, _value(sent.auth_scheme, tuple(own.items()), parameters))
    return _fields(values or [_value("Session", (), parameters)])


def permission_challenges(
    schemes: Iterable[Scheme], permissions: Iterable[str], parameters: Parameters
) -> CheckedPairs:
    """Return the challenges of a 403 that these permissions prevent (RFC 6750 section 3.1)."""
    # Single spaces (RFC 6749 section 3.3).
    scope = " ".join(quotable(" ".join(permissions)).split())
    own = (("error", "insufficient_scope"), ("scope", scope or None))
    return _fields(
        _value(scheme.auth_scheme, (*scheme.parameters.items(), *own), parameters)
        for scheme in schemes
    )


def _fields(values: Iterable[str]) -> CheckedPairs:
    """Two kinds of API keys have the same challenge, which is sent once."""
    return CheckedPairs([("WWW-Authenticate", value) for value in dict.fromkeys(values)])


def token_parameters(exc: Exception | None) -> Mapping[str, Any]:
    """Return the parameters of the challenge for an invalid Bearer token (RFC 6750 section 3)."""
    parameters: dict[str, Any] = {"error": "invalid_token"}
    if isinstance(exc, InvalidCredentials):
        reason = vars(exc).get("_sentence") or vars(exc).get("description")
        parameters["error_description"] = reason if has_text(reason) else None
        parameters |= exc.challenge
    return parameters


class _AnyBearer(Scheme):
    """Bearer tokens in an app that verifies them by itself."""

    auth_scheme = "Bearer"

    def error_parameters(self, exc: Exception | None) -> Mapping[str, Any]:
        return token_parameters(exc)


_ANY_BEARER = _AnyBearer()


def _scheme_of(exc: InvalidCredentials, schemes: Sequence[Scheme]) -> Scheme | None:
    """Return the scheme that an exception is about, which an author raised in a view."""
    if isinstance(exc, InvalidToken):
        bearer = (scheme for scheme in schemes if scheme.auth_scheme == "Bearer")
        return next(bearer, None if schemes else _ANY_BEARER)
    return schemes[0] if schemes and exc.challenge else None


@lru_cache(1_024)
def _value(auth_scheme: str, own: tuple[tuple[str, Any], ...], parameters: Parameters) -> str:
    (realm, *configured) = parameters
    # Each name occurs once, whatever its case (RFC 9110 section 11.2).
    values = {name.lower(): value for name, value in (realm, *own)}
    for name, value in configured:
        values.setdefault(name.lower(), value)
    return challenge(auth_scheme, **values)


# -- sentences


def sentence_of_401(
    schemes: Sequence[Scheme], sent: Scheme | None, req: Request, headers: HeaderPairs
) -> Sentence:
    """Return the sentence of a 401, in the words of the scheme that it is about.

    :param sent: The scheme of the credentials that were sent.
    :param headers: The fields of the response. The author's may have the challenge of a scheme that
        this package does not know.
    """
    names = [scheme.auth_scheme.lower() for scheme in schemes]
    for field, value in headers:
        if field.lower() == "www-authenticate" and value.split(" ", 1)[0].lower() not in names:
            return _NEUTRAL
    return missing_sentence(schemes, req) if sent is None else sent._invalid


def missing_sentence(schemes: Sequence[Scheme], req: Request | None = None) -> Sentence:
    """Return the sentence for a request without credentials for any of these schemes."""
    if req is not None and req.environ.get("HTTP_AUTHORIZATION"):
        in_authorization = [scheme for scheme in schemes if _is_sent_in_authorization(scheme)]
        if in_authorization:
            return Sentence("malformed-authorization", credentials=words_of(in_authorization))
    if len(schemes) == 1 or (schemes and all(map(_is_sent_in_authorization, schemes))):
        return schemes[0].missing()
    return needed_sentence(schemes)


def _is_sent_in_authorization(scheme: Scheme) -> bool:
    """Whether a client adds credentials in the header. A browser's ambient ones are not added."""
    return scheme.in_authorization and not scheme.is_ambient


def needed_sentence(schemes: Sequence[Scheme]) -> Sentence:
    """Return the sentence that names what a client can send."""
    if not schemes:
        return _NEUTRAL
    return Sentence("credentials-required", credentials=words_of(schemes))


def sent_scheme(schemes: Iterable[Scheme], req: Request) -> Scheme | None:
    """Return the scheme whose credentials a client added to a request, verified or not."""
    for scheme in schemes:
        if not scheme.is_ambient and scheme.credentials(req) is not None:
            return scheme
    return None
