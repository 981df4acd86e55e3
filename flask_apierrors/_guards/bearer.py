"""The Bearer scheme (RFC 6750)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from .._core.errors import InvalidToken
from .._core.http import challenge
from .._core.scheme import token_challenge
from .._core.sentences import Sentence

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")


class Bearer:
    """Bearer tokens in the ``Authorization`` header.

    :param verify: The function of ``@errors.verify_token``.
    """

    name = "Bearer"
    security_scheme: Mapping[str, Any] = MappingProxyType(
        {"type": "http", "scheme": "bearer", "description": "RFC 6750."}
    )
    credentials_name = "a Bearer token"

    def __init__(self, verify: Callable[[str], Any]) -> None:
        self._verify = verify

    def credentials(self, environ: WSGIEnvironment) -> str | None:
        """Return the token of a request, even if it is malformed (RFC 6750 section 2.1).

        Reads the raw field: ``request.authorization`` raises for some input, and gives an empty
        token, or none, for other.
        """
        authorization: str = environ.get("HTTP_AUTHORIZATION") or ""
        if authorization[:7].lower() in ("bearer ", "bearer"):
            return authorization[7:].strip(" ")
        return None

    def verify(self, credentials: str) -> Any:
        """Return what the author's function returns for a token.

        :raises InvalidToken: for a malformed one, which the function never gets.
        """
        if not _TOKEN.fullmatch(credentials):
            raise InvalidToken(Sentence("malformed-token"))
        return self._verify(credentials)

    def refusal(self) -> InvalidToken:
        """Return the exception for a token that is invalid."""
        return InvalidToken()

    def sentence(self, environ: WSGIEnvironment) -> Sentence | None:
        """Say that the header has no token, or that its token is invalid."""
        if not environ.get("HTTP_AUTHORIZATION"):
            return None
        is_sent = self.credentials(environ) is not None
        return Sentence("invalid-token" if is_sent else "malformed-authorization")

    def challenge(self, exc: Exception | None, environ: WSGIEnvironment, realm: str) -> str:
        """Return the challenge, with an ``error`` if there was a token (RFC 6750 section 3)."""
        if isinstance(exc, InvalidToken):
            return token_challenge(exc, realm)
        is_sent = self.credentials(environ) is not None
        return _bare_challenge(realm, "invalid_token" if is_sent else None)

    def permission_challenge(self, permissions: tuple[str, ...], realm: str) -> str:
        """Return the challenge that names the permissions (RFC 6750 section 3.1)."""
        return _scope_challenge(realm, permissions)


@cache
def _bare_challenge(realm: str, error: str | None) -> str:
    return challenge("Bearer", realm=realm, error=error)


@cache
def _scope_challenge(realm: str, permissions: tuple[str, ...]) -> str:
    scope = " ".join(permissions)
    return challenge("Bearer", realm=realm, error="insufficient_scope", scope=scope)
