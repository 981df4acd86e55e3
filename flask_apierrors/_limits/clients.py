"""Who a request is counted for."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import quote

from flask import Request
from werkzeug.exceptions import HTTPException

from .._core.log_records import PackageLogger
from .._core.state import AppState, RequestState, current_request, request_state
from .._guards.authentication import member_of, principal_of

_logger = PackageLogger()


def client_key() -> str:
    """Return the client that the current request is counted for.

    That is its principal if it has a valid token, otherwise the remote address. So an invented
    token does not get a counter of its own.
    """
    req = current_request()
    return client_of(req, request_state(req))


def client_of(req: Request, state: RequestState) -> str:
    """Return the client that a request is counted for."""
    if state.app.hooks.verify_token is not None and "HTTP_AUTHORIZATION" in req.environ:
        try:
            name = _name_of(principal_of(req))
        except HTTPException:
            name = None
        if name is not None:
            return f"principal:{name}"
    if "HTTP_X_FORWARDED_FOR" in req.environ:
        _check_forwarded(req, state.app)
    return req.remote_addr or "127.0.0.1"


def _name_of(principal: Any) -> str | None:
    """Return the name of a principal, so that it can stand in the key of a counter.

    The name is its ``sub`` or ``id``, as a key or an attribute, or the principal itself if it is a
    string.
    """
    identifier = principal
    if not isinstance(principal, str):
        identifier = member_of(principal, "sub")
        if identifier is None:
            identifier = member_of(principal, "id")
    if identifier is None or identifier == "":
        return None
    name = quote(str(identifier), safe="@:")
    # memcached takes keys of up to 250 bytes.
    return name if len(name) <= 64 else hashlib.sha256(name.encode()).hexdigest()


def _check_forwarded(req: Request, app: AppState) -> None:
    """Warn once if a proxy names the client in a header that the app ignores."""
    if not app.unread_forwarded and "werkzeug.proxy_fix.orig" not in req.environ:
        app.unread_forwarded = True
        _logger.warning(
            "A limited request has the header X-Forwarded-For, but the app has no ProxyFix. If your"
            " proxy sets the header, all clients without a token share one limit."
            " See `flask apierrors doctor`."
        )
