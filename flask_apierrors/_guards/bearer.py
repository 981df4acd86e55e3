"""The Bearer scheme (RFC 6750)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from flask import Request

from .._core.errors import InvalidToken
from .._core.scheme import Scheme, token_parameters
from .._core.sentences import Sentence

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")


class Bearer(Scheme):
    """Bearer tokens in the ``Authorization`` header.

    :param verify: The function of ``@errors.verify_token``.
    """

    name = "Bearer"
    security_scheme: Mapping[str, Any] = MappingProxyType(
        {"type": "http", "scheme": "bearer", "description": "RFC 6750."}
    )
    credentials_name = "a Bearer token"
    auth_scheme = "Bearer"
    _invalid = Sentence("invalid-token")

    def __init__(self, verify: Callable[[str], Any]) -> None:
        self._verify = verify

    def credentials(self, request: Request) -> str | None:
        """Return the token of a request, even if it is malformed (RFC 6750 section 2.1).

        Reads the raw field: ``request.authorization`` raises for some input, and gives an empty
        token, or none, for other.
        """
        authorization: str = request.environ.get("HTTP_AUTHORIZATION") or ""
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

    def error_parameters(self, exc: Exception | None) -> Mapping[str, Any]:
        """Return what is wrong with a token (RFC 6750 section 3)."""
        return token_parameters(exc)
