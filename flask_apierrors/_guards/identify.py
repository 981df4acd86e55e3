"""Clients that the app knows by its own means, such as a session."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Request
from werkzeug.local import LocalProxy

from .._core.scheme import Scheme
from .._core.sentences import Sentence


class Identify(Scheme):
    """What the app knows already, when a request has no other credentials.

    :param identify: The function of ``@errors.identify``.
    :param name: The name of the scheme.
    :param security: The OpenAPI security scheme.
    :param credentials: What a client sends, in words.
    """

    is_ambient = True

    def __init__(
        self,
        identify: Callable[[], Any],
        name: str,
        security: Mapping[str, Any],
        credentials: str,
    ) -> None:
        self._identify = identify
        self.name = name
        self.security_scheme = security
        self.credentials_name = credentials
        self.auth_scheme = "Session"
        if self.in_authorization:
            self.auth_scheme = str(security.get("scheme", "Bearer")).capitalize()

    def credentials(self, request: Request) -> Any:
        """Return the principal. The anonymous user of Flask-Login is none."""
        principal = self._identify()
        if isinstance(principal, LocalProxy):  # Flask-Login's `current_user`
            principal = principal._get_current_object()
        if not principal or getattr(principal, "is_authenticated", True) is False:
            return None
        return principal

    def verify(self, credentials: Any) -> Any:
        """Return the principal: the app has verified it."""
        return credentials

    def missing(self) -> Sentence:
        """Say that the client has to log in, however it does that."""
        return Sentence("authentication-required")
