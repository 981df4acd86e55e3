"""Who is counted for a request."""

from __future__ import annotations

import hashlib
import logging
from typing import Any
from urllib.parse import quote

from flask import Request
from werkzeug.exceptions import HTTPException

from .._core.state import AppState, RequestState, current_request, request_state
from .._guards.authentication import member_of, principal_of

_logger = logging.getLogger("flask_apierrors")


def client_key() -> str:
    """Whom the current request is counted for: its principal, when a valid token came, else the remote address.

    A token that is not valid counts for the address it came from: nobody gets a bucket of his own by inventing tokens.
    """
    req = current_request()
    return client_of(req, request_state(req))


def client_of(req: Request, state: RequestState) -> str:
    """Whom a request is counted for."""
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
    """The principal's ``sub`` or ``id``, as key or attribute, or itself when it is a text; safe as a part of any key."""
    found = principal
    if not isinstance(principal, str):
        found = member_of(principal, "sub")
        if found is None:
            found = member_of(principal, "id")
    if found is None or found == "":
        return None
    name = quote(str(found), safe="@:")
    # memcached takes keys of up to 250 bytes.
    return name if len(name) <= 64 else hashlib.sha256(name.encode()).hexdigest()


def _check_forwarded(req: Request, app: AppState) -> None:
    """Warn, once, when a proxy names the client in a header that nothing reads: all then share the proxy's limit."""
    if not app.unread_forwarded and "werkzeug.proxy_fix.orig" not in req.environ:
        app.unread_forwarded = True
        _logger.warning(
            "A request to limit came with X-Forwarded-For, and the app has no ProxyFix. If that is from a proxy of yours, "
            "all clients without a token share one limit. See `flask apierrors doctor`."
        )
