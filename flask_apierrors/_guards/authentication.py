"""Who sends a request."""

from __future__ import annotations

from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Collection,
    Generator,
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
from .._core.errors import ApiError, InvalidCredentials
from .._core.http import CheckedPairs, HeaderPairs, has_field, header_pairs
from .._core.log_records import PackageLogger
from .._core.marks import Mark, View
from .._core.scheme import Scheme, challenges, missing_sentence, needed_sentence
from .._core.sentences import Sentence
from .._core.state import AppState, RequestState, app_state, current_request, request_state
from .guard import Check, Order, guard
from .schemes import accepted, mark_with_schemes, named_schemes, optional_mark

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
    return _decorate(schemes, AUTHENTICATED, check_authenticated, CHECK)


@overload
def optional_auth(view: View, /) -> View: ...


@overload
def optional_auth(*schemes: str) -> Callable[[View], View]: ...


def optional_auth(*schemes: Any) -> Any:
    """Call a view for authenticated requests, and for those without credentials.

    Requests with invalid credentials get a 401. ``@optional_auth`` accepts all schemes of the app,
    and ``@optional_auth("key")`` only those that it names.

    :param schemes: The view, ``async def`` or not. Or the names of the schemes.
    :returns: The guarded view, or a decorator for names.
    :raises TypeError: for anything else.
    """
    return _decorate(schemes, _OPTIONAL, _check_optional, _OPTIONAL_CHECK)


def _decorate(
    arguments: tuple[Any, ...], mark: Mark, run: Callable[..., object], check: Check
) -> Any:
    """Guard the view, or return a decorator for the names of schemes.

    :param check: The check without names. A view runs it once.
    """
    if len(arguments) == 1 and (callable(arguments[0]) or isinstance(arguments[0], Blueprint)):
        return guard(arguments[0], mark, check)
    if not arguments or not all(isinstance(name, str) for name in arguments):
        raise TypeError(
            f"{mark.name} takes a view, or the names of authentication schemes. Write "
            f'@{mark.name}, or @{mark.name}("key").'
        )
    # Before a check without names, whose challenges would name more than this one accepts.
    named = Check(Order.SCHEME, partial(run, names=frozenset(map(str.lower, arguments))))

    named_mark = replace(mark, values=arguments, refusal=partial(_example, arguments))

    def decorate(view: View) -> View:
        return guard(view, named_mark, named)

    # What names a misplaced decorator reads it here.
    decorate.__qualname__ = mark.name
    return decorate


#: The mark of :func:`requires_auth` without names.
AUTHENTICATED = Mark(
    "requires_auth",
    statuses=(401,),
    authenticates=True,
    resolve=lambda mark, app: mark_with_schemes(mark, app, mark.values),
)
_OPTIONAL = Mark(
    "optional_auth",
    statuses=(401,),
    resolve=lambda mark, app: optional_mark(mark, app, mark.values),
)
#: The guards whose values are the names of schemes.
SCHEME_GUARDS = (AUTHENTICATED.name, _OPTIONAL.name)


def check_authenticated(req: Request, state: RequestState, names: Collection[str] = ()) -> None:
    """Check that a request has valid credentials.

    :param names: The names of the schemes that will do, in lower case. Without names, all will.
    """
    _verify_once(req, state)
    if state.principal is not None and (not names or _is_of(state.scheme, names)):
        return
    # A guard of the whole app leaves the page open that explains its 401.
    if req.endpoint != REFERENCE_ENDPOINT:
        raise _unauthorized(req, state, names)


def _example(names: tuple[str, ...], status: int, method: str, app: AppState) -> ApiError:
    """Make the 401 of a request without credentials."""
    schemes = named_schemes(app, names)
    fields = _challenges_of(schemes, app)
    return ApiError(missing_sentence(schemes), status=status, headers=fields)


def _challenges_of(schemes: tuple[Scheme, ...], app: AppState) -> HeaderPairs:
    """Return the challenges for a request without credentials. They are made once."""
    fields = app.challenges.get(schemes)
    if fields is None:
        fields = challenges(schemes, None, None, app.config.challenge_parameters)
        app.challenges[schemes] = fields
    return fields


def _check_optional(req: Request, state: RequestState, names: Collection[str] = ()) -> None:
    _verify_once(req, state)
    if state.scheme is not None or state.rejection is not None or not state.app.hooks.schemes:
        check_authenticated(req, state, names)


#: The check of each guard that accepts all schemes. A view runs it once.
CHECK = Check(Order.AUTHENTICATION, check_authenticated)
_OPTIONAL_CHECK = Check(Order.AUTHENTICATION, _check_optional)


def _is_of(scheme: Scheme | None, names: Collection[str]) -> bool:
    # Only the test kit has a principal without a scheme.
    return scheme is None or scheme.name.lower() in names


def _unauthorized(req: Request, state: RequestState, names: Collection[str]) -> Exception:
    """Return the 401 of a request, or the failure of its verifier."""
    app, rejection, sent = state.app, state.rejection, state.scheme
    if rejection is not None and not _is_refusal(rejection):
        return rejection
    schemes = accepted(app, names)
    if rejection is not None and (sent is None or sent in schemes):
        return _with_challenges(rejection, schemes, sent, app)
    if sent is not None:
        sentence = needed_sentence(schemes)
    else:
        if "mod_wsgi.version" in req.environ and any(item.in_authorization for item in schemes):
            _check_mod_wsgi(req, app)
        sentence = missing_sentence(schemes, req)
    return ApiError(sentence, status=401, headers=_challenges_of(schemes, app))


def _with_challenges(
    refusal: Exception, schemes: Sequence[Scheme], sent: Scheme | None, app: AppState
) -> Exception:
    """Return a copy with its challenges, for handlers of other extensions that know no more.

    It may be shared, so it is not written to.
    """
    own: HeaderPairs = ()
    if isinstance(refusal, ApiError):
        own = header_pairs(refusal.headers) if refusal.headers else ()
    if not isinstance(refusal, ApiError) or has_field(own, "WWW-Authenticate"):
        return refusal
    cls = type(refusal)
    copy = cls.__new__(cls)
    vars(copy).update(vars(refusal))
    fields = challenges(schemes, sent, refusal, app.config.challenge_parameters)
    copy.headers = CheckedPairs((*own, *fields))
    return copy


def _check_mod_wsgi(req: Request, app: AppState) -> None:
    """Warn once if no request has the header: mod_wsgi keeps it from apps by default."""
    if not app.saw_authorization and "HTTP_AUTHORIZATION" not in req.environ:
        app.saw_authorization = True
        _logger.warning(
            "No request has had an Authorization header so far. mod_wsgi passes the header on only"
            " if Apache's configuration says: WSGIPassAuthorization On"
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


#: The client that sent the current request. It is falsy without valid credentials.
current_principal: Any = LocalProxy(lambda: principal_of(current_request()))


def read_credentials(req: Request, state: RequestState) -> Scheme | None:
    """Read the credentials that decide who sends a request, and return their scheme.

    What a client adds to a request comes before what its browser sends by itself. Credentials of
    two kinds leave open whose request it is, so they are refused.
    """
    if state.is_read:
        return state.scheme
    state.is_read = True
    for scheme in state.app.hooks.schemes:
        if state.scheme is not None and scheme.is_ambient:
            break
        try:
            credentials = scheme.credentials(req)
        except Exception as failure:  # raised where the principal is needed
            state.scheme, state.rejection, state.verified = scheme, failure, True
            break
        if credentials is None:
            continue
        if state.scheme is not None:
            refusal = InvalidCredentials(Sentence("ambiguous-credentials"))
            state.scheme, state.rejection, state.verified = None, refusal, True
            break
        state.scheme, state.credentials = scheme, credentials
        state.app.saw_authorization = True
    return state.scheme


def _verify_once(req: Request, state: RequestState) -> None:
    if state.verified:
        return
    scheme = read_credentials(req, state)
    if state.verified:
        return
    state.verified = True
    if scheme is None:
        return
    try:
        principal = scheme.verify(state.credentials)
        if type(principal) not in _USUAL_PRINCIPALS:
            _check_principal(principal)
        if principal:
            state.principal = principal
            # RFC 9111 section 3.5 keeps shared caches off what the Authorization header opens.
            state.is_private = not scheme.in_authorization
        else:
            state.rejection = scheme.refusal()
    except Exception as failure:  # raised where the principal is needed
        state.rejection = failure


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
    is_status = type(principal) is tuple and any(_is_status(item) for item in principal[1:2])
    if is_status or isinstance(principal, _NO_PRINCIPALS):
        kind = type(principal).__name__
        raise TypeError(
            f"A function that verifies credentials returned a {kind}, which is no principal. "
            "Return None to refuse a request, or raise InvalidCredentials to say why. Define a "
            "function that awaits with `async def`, and do not use `yield` in it."
        )


def _is_status(value: object) -> bool:
    return isinstance(value, int) or (isinstance(value, str) and value[:3].isdecimal())


def synchronous(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function of the author's that can be called from anywhere, ``async def`` or not."""
    if not iscoroutinefunction(function):
        return function
    return lambda *args: app_state().call(function, *args)
