"""The Bearer scheme (RFC 6750)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from .._core.errors import InvalidToken
from .._core.hooks import Hooks
from .._core.http import challenge
from .._core.sentences import Sentence

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: Only the scheme ignores case. To match the token without case takes five times as long.
_BEARER = re.compile(r"(?i:bearer) +([A-Za-z0-9._~+/-]+=*) *", re.ASCII)


class Bearer:
    """Bearer tokens in the ``Authorization`` header, verified by ``@errors.verify_token``."""

    name = "Bearer"
    security_scheme: Mapping[str, Any] = MappingProxyType(
        {"type": "http", "scheme": "bearer", "description": "RFC 6750."}
    )
    credentials_name = "a Bearer token"

    def credentials(self, environ: WSGIEnvironment) -> str | None:
        """Return the token of a request (RFC 6750 section 2.1).

        Reads the raw field: ``request.authorization`` raises for some input, and gives an empty
        token, or none, for other.
        """
        authorization = environ.get("HTTP_AUTHORIZATION")
        match = _BEARER.fullmatch(authorization) if authorization else None
        return match[1] if match else None

    def verify(self, credentials: str, hooks: Hooks) -> Any:
        """Return what the author's function returns for a token."""
        verify = hooks.verify_token
        if verify is None:
            raise RuntimeError(
                "No function verifies tokens. Register one with @errors.verify_token."
            )
        return verify(credentials)

    def sentence(self, environ: WSGIEnvironment) -> Sentence | None:
        """Say that the header is malformed, or that its token is invalid."""
        if not environ.get("HTTP_AUTHORIZATION"):
            return None
        is_token = self.credentials(environ) is not None
        return Sentence("invalid-token" if is_token else "malformed-authorization")

    def challenge(self, exc: Exception, environ: WSGIEnvironment, realm: str) -> str:
        """Return the challenge, with an ``error`` if there was a token (RFC 6750 section 3)."""
        if isinstance(exc, InvalidToken) and "description" in vars(exc):
            reason = exc.description
            return challenge("Bearer", realm=realm, error="invalid_token", error_description=reason)
        is_rejected = isinstance(exc, InvalidToken) or self.credentials(environ) is not None
        return _bare_challenge(realm, "invalid_token" if is_rejected else None)

    def permission_challenge(self, permissions: tuple[str, ...], realm: str) -> str:
        """Return the challenge that names the permissions (RFC 6750 section 3.1)."""
        scope = " ".join(permissions)
        return challenge("Bearer", realm=realm, error="insufficient_scope", scope=scope)


@cache
def _bare_challenge(realm: str, error: str | None) -> str:
    return challenge("Bearer", realm=realm, error=error)
