"""An authentication scheme, as everything else in the package sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from werkzeug.exceptions import HTTPException

from .errors import InvalidToken
from .http import CheckedPairs, HeaderPairs, challenge
from .sentences import Sentence
from .text import has_text

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_NEUTRAL = Sentence("authentication-required")


class Scheme(Protocol):
    """A way to authenticate (RFC 9110 section 11). Each has a file of its own in ``_guards``."""

    #: The name of its OpenAPI security scheme, and that security scheme.
    name: str
    security_scheme: Mapping[str, Any]
    #: What a client has to send, for the reference page: ``a Bearer token``.
    credentials_name: str

    def credentials(self, environ: WSGIEnvironment) -> str | None:
        """Return what a request sent for this scheme, even if it is malformed."""
        ...

    def verify(self, credentials: str) -> Any:
        """Return the principal, or something falsy if the credentials are invalid.

        :raises HTTPException: if the credentials are malformed, or for a reason of the author's.
        """
        ...

    def refusal(self) -> HTTPException:
        """Return the exception for credentials that are invalid."""
        ...

    def sentence(self, environ: WSGIEnvironment) -> Sentence | None:
        """Say what is wrong with what a request sent. ``None``: it sent nothing."""
        ...

    def challenge(self, exc: Exception | None, environ: WSGIEnvironment, realm: str) -> str:
        """Return the challenge of a 401 (RFC 9110 section 11.6.1)."""
        ...

    def permission_challenge(self, permissions: tuple[str, ...], realm: str) -> str:
        """Return the challenge of a 403 that these permissions would have prevented."""
        ...


def challenges(
    schemes: Sequence[Scheme], exc: Exception | None, environ: WSGIEnvironment, realm: str
) -> CheckedPairs:
    """Return one challenge for each scheme that would do (RFC 9110 section 11.6.1).

    A 401 must have one. An app without a scheme knows its clients by other means, so its challenge
    names no scheme that a client could use by mistake.
    """
    values = [scheme.challenge(exc, environ, realm) for scheme in schemes]
    if not values and isinstance(exc, InvalidToken):
        values = [token_challenge(exc, realm)]
    fields = [("WWW-Authenticate", value) for value in values or [_unnamed_challenge(realm)]]
    return CheckedPairs(fields)


def token_challenge(exc: InvalidToken, realm: str) -> str:
    """Return the challenge for an invalid Bearer token (RFC 6750 section 3)."""
    attributes = vars(exc)
    reason = attributes.get("_sentence") or attributes.get("description")
    description = reason if has_text(reason) else None
    return challenge("Bearer", realm=realm, error="invalid_token", error_description=description)


@cache
def _unnamed_challenge(realm: str) -> str:
    return challenge("Session", realm=realm)


def sentence_of_401(
    schemes: Sequence[Scheme], environ: WSGIEnvironment, headers: HeaderPairs
) -> Sentence | None:
    """Return the sentence of a 401, in the words of the scheme that it is about.

    :param headers: The fields of the response. The author's may have the challenge of a scheme that
        this package does not know.
    :returns: ``None`` if the request has no credentials.
    """
    names = [scheme.name.lower() for scheme in schemes]
    for field, value in headers:
        if field.lower() == "www-authenticate" and value.split(" ", 1)[0].lower() not in names:
            return _NEUTRAL
    for scheme in schemes:
        sentence = scheme.sentence(environ)
        if sentence is not None:
            return sentence
    return None
