"""An authentication scheme, as everything else in the package sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from .hooks import Hooks
from .sentences import Sentence

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class Scheme(Protocol):
    """A way to authenticate (RFC 9110 section 11). Each has a file of its own in ``_guards``."""

    #: The name of its OpenAPI security scheme, and that security scheme.
    name: str
    security_scheme: Mapping[str, Any]
    #: What a client has to send, for the reference page: ``a Bearer token``.
    credentials_name: str

    def credentials(self, environ: WSGIEnvironment) -> str | None:
        """Return the well-formed credentials of a request, if it has any."""
        ...

    def verify(self, credentials: str, hooks: Hooks) -> Any:
        """Return the principal, or ``None`` if the credentials are invalid.

        :raises RuntimeError: if the author registered no function that verifies them.
        """
        ...

    def sentence(self, environ: WSGIEnvironment) -> Sentence | None:
        """Say what is wrong with what a request sent. ``None``: it sent nothing."""
        ...

    def challenge(self, exc: Exception, environ: WSGIEnvironment, realm: str) -> str:
        """Return the challenge of a 401 (RFC 9110 section 11.6.1)."""
        ...

    def permission_challenge(self, permissions: tuple[str, ...], realm: str) -> str:
        """Return the challenge of a 403 that these permissions would have prevented."""
        ...
