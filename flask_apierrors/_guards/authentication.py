"""Bearer authentication (RFC 6750): who asks, and what they may do."""

from __future__ import annotations

import contextvars
import sys
from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import cache
from inspect import iscoroutinefunction
from typing import Any

from flask import Request, current_app
from werkzeug.exceptions import HTTPException
from werkzeug.local import LocalProxy

from .._core.errors import ApiError, InvalidToken, Sentence, default_sentence
from .._core.http import HeaderPairs, bearer_challenge, bearer_token, header_pairs
from .._core.state import RequestState, current_request, request_state
from .guard import Check, Order, guard
from .marks import Mark, View

_FORBIDDEN = Sentence(default_sentence(403))


def requires_auth(view: View) -> View:
    """Let a view run for authenticated requests alone; the others get a 401 with a challenge (RFC 9110 section 11.6.1)."""
    return guard(view, Mark("requires_auth"), Check(Order.AUTHENTICATION, _check_authenticated))


def requires_permissions(*names: str) -> Callable[[View], View]:
    """Let a view run for principals with all these permissions; the others get a 403 (RFC 6750 section 3.1).

    Implies :func:`requires_auth`.

    :raises TypeError: when used without names.
    """
    if not names or not all(isinstance(name, str) for name in names):
        raise TypeError(
            '@requires_permissions takes names, as in @requires_permissions("measurements:read").'
        )

    def check(req: Request, state: RequestState) -> None:
        _check_permissions(state, names)

    def decorate(view: View) -> View:
        return guard(
            view,
            Mark("requires_permissions", names),
            Check(Order.AUTHENTICATION, _check_authenticated),
            Check(Order.PERMISSIONS, check),
        )

    return decorate


def principal_of(req: Request) -> Any:
    """What ``verify_token`` returned for this request; ``None`` without a valid token.

    The token is verified once per request, by whoever asks first.

    :raises HTTPException: what ``verify_token`` raised, unless it is ``InvalidToken``.
    """
    state = request_state(req)
    _verify_once(req, state)
    if state.rejection is not None and not isinstance(state.rejection, InvalidToken):
        raise state.rejection
    return state.principal


#: What ``verify_token`` returned for the current request, or nothing (it is falsy then) without a valid token.
current_principal: Any = LocalProxy(lambda: principal_of(current_request()))


def _check_authenticated(req: Request, state: RequestState) -> None:
    _verify_once(req, state)
    if state.rejection is not None:
        raise state.rejection
    if state.principal is None:
        raise ApiError(status=401)


def _check_permissions(state: RequestState, names: tuple[str, ...]) -> None:
    hook = state.app.hooks.permissions_of
    granted = _as_names(
        permissions_of(state.principal) if hook is None else state.app.call(hook, state.principal)
    )
    for name in names:
        if name not in granted:
            raise ApiError(
                _FORBIDDEN, status=403, headers=insufficient_scope(state.app.config.realm, names)
            )


@cache
def insufficient_scope(realm: str, names: tuple[str, ...]) -> HeaderPairs:
    """The challenge of a 403 for want of these permissions (RFC 6750 section 3.1)."""
    challenge = bearer_challenge(realm, error="insufficient_scope", scope=" ".join(names))
    return header_pairs({"WWW-Authenticate": challenge})


def _verify_once(req: Request, state: RequestState) -> None:
    if state.verified:
        return
    verify = state.app.hooks.verify_token
    if verify is None:
        raise RuntimeError(
            "Nothing verifies tokens. Register a function with @errors.verify_token."
        )
    token = bearer_token(req.environ.get("HTTP_AUTHORIZATION"))
    if token is not None:
        try:
            principal = verify(token)
        except HTTPException as refusal:
            state.rejection = refusal
        else:
            _let_in(principal, state)
    state.verified = True


def _let_in(principal: Any, state: RequestState) -> None:
    if isinstance(principal, Awaitable):
        raise TypeError(
            "verify_token answers with an awaitable, not with a principal. Define it with `async def`."
        )
    # False is what a verifier returns that only says yes or no: it must never let anybody in.
    if principal is None or principal is False:
        state.rejection = InvalidToken()
    else:
        state.principal = principal


def synchronous(verify: Callable[[str], Any]) -> Callable[[str], Any]:
    """A verifier that can be called from anywhere, ``async def`` or not."""
    if not iscoroutinefunction(verify):
        return verify

    def call(token: str) -> Any:
        return current_app.ensure_sync(verify)(token)

    def call_from_anywhere(token: str) -> Any:
        if not _in_event_loop():
            return call(token)
        # Inside an async view: its loop cannot run another one in the same thread.
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(1) as pool:
            return pool.submit(contextvars.copy_context().run, call, token).result()

    return call_from_anywhere


def _in_event_loop() -> bool:
    """Without importing asyncio, which takes a tenth of Flask's own time: where nobody imported it, no loop runs."""
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and asyncio._get_running_loop() is not None


def permissions_of(principal: Any) -> Any:
    """The permissions of a principal: its ``permissions``, else its ``scope`` or ``scp``, as a key or an attribute."""
    for name in ("permissions", "scope", "scp"):
        found = member_of(principal, name)
        if found is not None:
            return found
    return ()


def member_of(principal: Any, name: str) -> Any:
    """What a principal has under a name, as a key or an attribute; ``None`` without it."""
    return principal.get(name) if isinstance(principal, Mapping) else getattr(principal, name, None)


def _as_names(granted: Any) -> Collection[str]:
    """A space-separated string is a list of names (RFC 6749 section 3.3): never search in it as text."""
    if isinstance(granted, str):
        return granted.split()
    return granted if isinstance(granted, Collection) and not isinstance(granted, bytes) else ()
