"""Who sends a request, and what they may do."""

from __future__ import annotations

import contextvars
import logging
import sys
from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import cache
from inspect import iscoroutinefunction
from typing import Any

from flask import Request, current_app
from werkzeug.local import LocalProxy

from .._core.errors import ApiError, InvalidToken
from .._core.http import HeaderPairs, header_pairs
from .._core.sentences import Sentence
from .._core.state import AppState, RequestState, current_request, request_state
from .guard import Check, Order, guard
from .marks import Mark, View
from .schemes import SCHEMES

_FORBIDDEN = Sentence(403)
_logger = logging.getLogger("flask_apierrors")


def requires_auth(view: View) -> View:
    """Only call a view for authenticated requests.

    Other requests get a 401 with a challenge (RFC 9110 section 11.6.1).

    :param view: The view, ``async def`` or not.
    :returns: The guarded view.
    """
    return guard(view, AUTHENTICATED, Check(Order.AUTHENTICATION, _check_authenticated))


def requires_permissions(*names: str) -> Callable[[View], View]:
    """Only call a view for principals that have all these permissions.

    Other principals get a 403 (RFC 6750 section 3.1). Implies :func:`requires_auth`.

    :param names: The names of the permissions.
    :returns: The decorator.
    :raises TypeError: without names.
    """
    if not names or not all(isinstance(name, str) for name in names):
        raise TypeError(
            '@requires_permissions takes names, as in @requires_permissions("measurements:read").'
        )

    def check(req: Request, state: RequestState) -> None:
        hook = state.app.hooks.permissions_of
        principal = state.principal
        granted = permissions_of(principal) if hook is None else state.app.call(hook, principal)
        granted_names = _as_names(granted)
        for name in names:
            if name not in granted_names:
                raise _forbidden(names, state.app)

    checks = (
        Check(Order.AUTHENTICATION, _check_authenticated),
        Check(Order.PERMISSIONS, check),
    )
    mark = _permission_mark(names)
    return lambda view: guard(view, mark, *checks)


_CREDENTIALS = " or ".join(scheme.credentials_name for scheme in SCHEMES)
#: The mark of :func:`requires_auth`.
AUTHENTICATED = Mark(
    "requires_auth",
    statuses=(401,),
    errors=(InvalidToken,),
    condition=f"Needs {_CREDENTIALS}.",
    authenticates=True,
    security={scheme.name: scheme.security_scheme for scheme in SCHEMES},
)


def _permission_mark(names: tuple[str, ...]) -> Mark:
    *first, last = (f"`{name}`" for name in names)
    listed = f"permissions {', '.join(first)} and {last}" if first else f"permission {last}"
    return Mark(
        "requires_permissions",
        names,
        statuses=(401, 403),
        errors=(InvalidToken,),
        condition=f"Needs {_CREDENTIALS} with the {listed}.",
        authenticates=True,
        permissions=names,
        security=AUTHENTICATED.security,
        implies=(AUTHENTICATED,),
        refusal=lambda status, method, app: _forbidden(names, app) if status == 403 else None,
    )


def principal_of(req: Request) -> Any:
    """Return the principal of a request, or ``None`` without valid credentials.

    The credentials are verified once in a request, when they are first needed.

    :raises Exception: what the verifier raised, unless it is ``InvalidToken``.
    """
    state = request_state(req)
    _verify_once(req, state)
    if state.rejection is not None and not isinstance(state.rejection, InvalidToken):
        raise state.rejection
    return state.principal


def known_principal(req: Request) -> Any:
    """Return the principal of a request, or ``None``: whatever is wrong is for its guard."""
    try:
        return principal_of(req)
    except Exception:
        return None


#: What ``verify_token`` returned for the current request. It is falsy without a valid token.
current_principal: Any = LocalProxy(lambda: principal_of(current_request()))


def _check_authenticated(req: Request, state: RequestState) -> None:
    _verify_once(req, state)
    if state.rejection is not None:
        raise state.rejection
    if state.principal is None:
        if "mod_wsgi.version" in req.environ:
            _check_mod_wsgi(req, state.app)
        raise ApiError(status=401)


def _check_mod_wsgi(req: Request, app: AppState) -> None:
    """Warn once if no request has the header: mod_wsgi keeps it from apps by default."""
    if not app.saw_authorization and "HTTP_AUTHORIZATION" not in req.environ:
        app.saw_authorization = True
        _logger.warning(
            "No request has had an Authorization header so far. mod_wsgi passes the header on only"
            " if Apache's configuration says: WSGIPassAuthorization On"
        )


def _forbidden(names: tuple[str, ...], app: AppState) -> ApiError:
    return ApiError(_FORBIDDEN, status=403, headers=_challenges(names, app.config.realm))


@cache
def _challenges(names: tuple[str, ...], realm: str) -> HeaderPairs:
    challenges = [scheme.permission_challenge(names, realm) for scheme in SCHEMES]
    return header_pairs([("WWW-Authenticate", challenge) for challenge in challenges])


def _verify_once(req: Request, state: RequestState) -> None:
    if state.verified:
        return
    for scheme in state.app.schemes:
        credentials = scheme.credentials(req.environ)
        if credentials is None:
            continue
        state.app.saw_authorization = True
        try:
            _accept(scheme.verify(credentials, state.app.hooks), state)
        except Exception as failure:  # raised where the principal is needed
            state.rejection = failure
        break
    state.verified = True


def _accept(principal: Any, state: RequestState) -> None:
    if isinstance(principal, Awaitable):
        raise TypeError("verify_token returned an awaitable. Define it with `async def`.")
    # A verifier that only says yes or no returns False: it must never let a request in.
    if principal is None or principal is False:
        state.rejection = InvalidToken()
    else:
        state.principal = principal


def synchronous(verify: Callable[[str], Any]) -> Callable[[str], Any]:
    """Make a verifier that can be called from anywhere, ``async def`` or not."""
    if not iscoroutinefunction(verify):
        return verify

    def call(token: str) -> Any:
        return current_app.ensure_sync(verify)(token)

    def call_from_anywhere(token: str) -> Any:
        if not _in_event_loop():
            return call(token)
        # The event loop of an async view cannot run another one in its thread.
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(1) as pool:
            return pool.submit(contextvars.copy_context().run, call, token).result()

    return call_from_anywhere


def _in_event_loop() -> bool:
    """Whether a loop runs. If asyncio is not imported, none does, and its import is slow."""
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and asyncio._get_running_loop() is not None


def permissions_of(principal: Any) -> Any:
    """Return the permissions of a principal: its ``permissions``, else its ``scope`` or ``scp``."""
    for name in ("permissions", "scope", "scp"):
        permissions = member_of(principal, name)
        if permissions is not None:
            return permissions
    return ()


def member_of(principal: Any, name: str) -> Any:
    """Return a key or an attribute of a principal, or ``None``."""
    return principal.get(name) if isinstance(principal, Mapping) else getattr(principal, name, None)


def _as_names(granted: Any) -> Collection[str]:
    """Split a string at its spaces (RFC 6749 section 3.3). It must never be searched as text."""
    if isinstance(granted, str):
        return granted.split()
    return granted if isinstance(granted, Collection) and not isinstance(granted, bytes) else ()
