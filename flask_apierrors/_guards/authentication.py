"""Who sends a request, and what they may do."""

from __future__ import annotations

from collections import UserString
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Collection,
    Generator,
    Mapping,
    Sequence,
)
from dataclasses import replace
from functools import partial
from inspect import iscoroutinefunction
from typing import Any, overload

from flask import Blueprint, Request
from werkzeug.exceptions import HTTPException
from werkzeug.local import LocalProxy
from werkzeug.wrappers import Response

from .._core.config import REFERENCE_ENDPOINT
from .._core.errors import ApiError
from .._core.http import CheckedPairs, has_field, header_pairs
from .._core.log_records import PackageLogger
from .._core.marks import Mark, View
from .._core.scheme import Scheme, challenges, sentence_of_401
from .._core.sentences import Sentence
from .._core.state import AppState, RequestState, app_state, current_request, request_state
from .guard import Check, Order, guard
from .schemes import accepted, check_accepted, mark_with_schemes

_FORBIDDEN = Sentence(403)
#: Classes that need no further look: most principals are of one.
_USUAL_PRINCIPALS = (dict, str, int, bool, type(None))
_logger = PackageLogger()


@overload
def requires_auth(view: View, /) -> View: ...


@overload
def requires_auth(*schemes: str) -> Callable[[View], View]: ...


def requires_auth(*schemes: Any) -> Any:
    """Only call a view for authenticated requests.

    Other requests get a 401 with a challenge (RFC 9110 section 11.6.1). ``@requires_auth`` accepts
    all schemes of the app, and ``@requires_auth("key")`` only those that it names.

    :param schemes: The view, ``async def`` or not. Or the names of the schemes.
    :returns: The guarded view, or a decorator for names.
    :raises TypeError: for anything else.
    """
    if len(schemes) == 1 and (callable(schemes[0]) or isinstance(schemes[0], Blueprint)):
        return _guard(schemes[0], ())
    if not schemes or not all(isinstance(name, str) for name in schemes):
        raise TypeError(
            "requires_auth takes a view, or the names of authentication schemes. Write "
            '@requires_auth, or @requires_auth("key").'
        )
    return lambda view: _guard(view, schemes)


def _guard(view: View, names: tuple[str, ...]) -> View:
    check = partial(_check_authenticated, names=names)
    return guard(view, replace(AUTHENTICATED, values=names), Check(Order.AUTHENTICATION, check))


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
        if req.endpoint == REFERENCE_ENDPOINT:
            return
        granted_names = _as_names(
            (state.app.hooks.permissions_of or permissions_of)(state.principal)
        )
        for name in names:
            if name not in granted_names:
                raise _forbidden(names, state.app)

    checks = (
        Check(Order.AUTHENTICATION, _check_authenticated),
        Check(Order.PERMISSIONS, check),
    )
    mark = _permission_mark(names)
    return lambda view: guard(view, mark, *checks)


#: The mark of :func:`requires_auth` without names.
AUTHENTICATED = Mark(
    "requires_auth",
    statuses=(401,),
    authenticates=True,
    resolve=lambda mark, app: mark_with_schemes(mark, app, mark.values),
)


def _permission_mark(names: tuple[str, ...]) -> Mark:
    *first, last = (f"`{name}`" for name in names)
    listed = f"permissions {', '.join(first)} and {last}" if first else f"permission {last}"
    return Mark(
        "requires_permissions",
        names,
        statuses=(401, 403),
        authenticates=True,
        permissions=names,
        implies=(AUTHENTICATED,),
        resolve=lambda mark, app: mark_with_schemes(mark, app, (), f" with the {listed}"),
        refusal=lambda status, method, app: _forbidden(names, app) if status == 403 else None,
    )


def principal_of(req: Request) -> Any:
    """Return the principal of a request, or ``None`` without valid credentials.

    The credentials are verified once in a request, when they are first needed.

    :raises Exception: what the verifier raised, unless it is a 401.
    """
    state = request_state(req)
    _verify_once(req, state)
    if state.rejection is not None and not _is_refusal(state.rejection):
        raise state.rejection
    return state.principal


def _is_refusal(failure: Exception) -> bool:
    """Whether a verifier says that credentials are invalid. Anything else is a failure of its."""
    return isinstance(failure, HTTPException) and failure.code == 401


def known_principal(req: Request) -> Any:
    """Return the principal of a request, or ``None``: whatever is wrong is for its guard."""
    try:
        return principal_of(req)
    except Exception:
        return None


#: What ``verify_token`` returned for the current request. It is falsy without a valid token.
current_principal: Any = LocalProxy(lambda: principal_of(current_request()))


def _check_authenticated(req: Request, state: RequestState, names: tuple[str, ...] = ()) -> None:
    _verify_once(req, state)
    # A guard of the whole app leaves the page open that explains its 401.
    if req.endpoint == REFERENCE_ENDPOINT:
        return
    if state.principal is not None and (not names or state.scheme in accepted(state.app, names)):
        return
    rejection = state.rejection
    if rejection is not None and not _is_refusal(rejection):
        raise rejection
    check_accepted(state.app, names)
    schemes = accepted(state.app, names)
    if rejection is None or state.scheme not in schemes:
        if "mod_wsgi.version" in req.environ:
            _check_mod_wsgi(req, state.app)
        fields = challenges(schemes, None, req.environ, state.app.config.realm)
        sentence = sentence_of_401(schemes, req.environ, ())
        if sentence is None and names:
            sentence = Sentence("authentication-required")
        raise ApiError(sentence, status=401, headers=fields)
    if isinstance(rejection, ApiError):
        raise _with_challenges(rejection, schemes, req, state.app)
    raise rejection


def _with_challenges(
    refusal: ApiError, schemes: Sequence[Scheme], req: Request, app: AppState
) -> ApiError:
    """Return a copy with its challenges, for handlers of other extensions that know no more.

    It may be shared, so it is not written to.
    """
    own = refusal.headers and header_pairs(refusal.headers)
    if own and has_field(own, "WWW-Authenticate"):
        return refusal
    cls = type(refusal)
    copy = cls.__new__(cls)
    vars(copy).update(vars(refusal))
    fields = challenges(schemes, refusal, req.environ, app.config.realm)
    copy.headers = (*own, *fields) if own else fields
    return copy


def _check_mod_wsgi(req: Request, app: AppState) -> None:
    """Warn once if no request has the header: mod_wsgi keeps it from apps by default."""
    if not app.saw_authorization and "HTTP_AUTHORIZATION" not in req.environ:
        app.saw_authorization = True
        _logger.warning(
            "No request has had an Authorization header so far. mod_wsgi passes the header on only"
            " if Apache's configuration says: WSGIPassAuthorization On"
        )


def _forbidden(names: tuple[str, ...], app: AppState) -> ApiError:
    challenges = [
        ("WWW-Authenticate", scheme.permission_challenge(names, app.config.realm))
        for scheme in app.schemes
    ]
    return ApiError(_FORBIDDEN, status=403, headers=CheckedPairs(challenges))


def _verify_once(req: Request, state: RequestState) -> None:
    if state.verified:
        return
    for scheme in state.app.schemes:
        credentials = scheme.credentials(req.environ)
        if credentials is None:
            continue
        state.app.saw_authorization = True
        state.scheme = scheme
        try:
            principal = scheme.verify(credentials)
            _check_principal(principal)
            if principal:
                state.principal = principal
            else:
                state.rejection = scheme.refusal()
        except Exception as failure:  # raised where the principal is needed
            state.rejection = failure
        break
    state.verified = True


#: What a verifier returns by mistake. It would let everyone in.
_NO_PRINCIPALS = (
    Awaitable,
    AsyncGenerator,
    Generator,
    BaseException,
    Response,
    type,
)


def _check_principal(principal: Any) -> None:
    """Check that a verifier did not return a refusal, as a view may."""
    if type(principal) in _USUAL_PRINCIPALS:
        return
    is_status = type(principal) is tuple and any(_is_status(item) for item in principal[1:2])
    if is_status or isinstance(principal, _NO_PRINCIPALS):
        kind = type(principal).__name__
        raise TypeError(
            f"A function that verifies credentials returned a {kind}, which is no principal. "
            "Return None to refuse a request, or raise InvalidToken to say why. Define a function "
            "that awaits with `async def`, and do not use `yield` in it."
        )


def _is_status(value: object) -> bool:
    return isinstance(value, int) or (isinstance(value, str) and value[:3].isdecimal())


def synchronous(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function of the author's that can be called from anywhere, ``async def`` or not."""
    if not iscoroutinefunction(function):
        return function
    return lambda *args: app_state().call(function, *args)


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


def _as_names(granted: Any) -> Collection[Any]:
    """Return the names of permissions. A text must never be searched for a part of it.

    RFC 6749 section 3.3: scopes are separated by U+0020, and by no other space.
    """
    if isinstance(granted, str | UserString):
        return str(granted).split(" ")
    if isinstance(granted, list | tuple | set | frozenset):
        return granted
    if isinstance(granted, Mapping):
        return [name for name, is_granted in granted.items() if is_granted is True]
    if isinstance(granted, Collection) and not isinstance(granted, bytes | bytearray | memoryview):
        return list(granted)
    return ()
