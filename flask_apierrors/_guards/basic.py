"""The Basic scheme (RFC 7617)."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from flask import Request

from .._core.errors import InvalidCredentials
from .._core.scheme import Scheme
from .._core.sentences import Sentence

#: RFC 7617 section 2: neither a username nor a password contains control characters.
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Basic(Scheme):
    """A username and a password in the ``Authorization`` header.

    :param verify: The function of ``@errors.verify_basic``.
    """

    name = "Basic"
    security_scheme: Mapping[str, Any] = MappingProxyType(
        {"type": "http", "scheme": "basic", "description": "RFC 7617."}
    )
    credentials_name = "a username and a password"
    auth_scheme = "Basic"
    #: RFC 7617 section 2.1.
    parameters = MappingProxyType({"charset": "UTF-8"})
    _invalid = Sentence("invalid-login")

    def __init__(self, verify: Callable[[str, str], Any]) -> None:
        self._verify = verify

    def credentials(self, request: Request) -> str | None:
        """Return the encoded credentials of a request, even if they are malformed."""
        authorization: str = request.environ.get("HTTP_AUTHORIZATION") or ""
        if authorization[:6].lower() in ("basic ", "basic"):
            return authorization[6:].strip(" ")
        return None

    def verify(self, credentials: str) -> Any:
        """Return what the author's function returns for a username and a password.

        :raises InvalidCredentials: for malformed ones, which the function never gets.
        """
        try:
            text = b64decode(credentials, validate=True).decode()
        except ValueError:
            raise InvalidCredentials(Sentence("malformed-login")) from None
        username, colon, password = text.partition(":")
        if not colon or _CONTROL.search(text):
            raise InvalidCredentials(Sentence("malformed-login"))
        return self._verify(username, password)
