"""What the principal of a request may do."""

from __future__ import annotations

from collections import UserString
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, Literal

from flask import Request
from flask import globals as globals_of_flask
from flask.sessions import SessionMixin
from werkzeug.exceptions import NotFound

from .._core.config import REFERENCE_ENDPOINT
from .._core.errors import ApiError
from .._core.marks import Mark, View
from .._core.scheme import Scheme, permission_challenges
from .._core.sentences import Sentence
from .._core.state import AppState, RequestState, current_request, request_state
from .authentication import AUTHENTICATED, CHECK, check_authenticated, principal_of
from .guard import Check, Order, guard
from .schemes import mark_with_schemes, optional_mark

Match = Literal["all", "any"]
_FORBIDDEN = Sentence(403)


def requires_permissions(
    *names: str, match: Match = "all", hide: bool = False
) -> Callable[[View], View]:
    """Only call a view for principals that have these permissions.

    Other principals get a 403 (RFC 6750 section 3.1). Implies :func:`requires_auth`.

    :param names: The names of the permissions.
    :param match: Whether a principal needs ``"all"`` of them, or ``"any"``.
    :param hide: Whether all other requests get the 404 of an unknown URL, instead of a 401 or a 403
        (RFC 9110 section 15.5.4).
    :returns: The decorator.
    :raises TypeError: without names.
    :raises ValueError: for another ``match``.
    """
    _check_arguments("@requires_permissions", names, match)

    run = partial(_check_unseen if hide else _check, names=names, match=match)
    check = Check(Order.PERMISSIONS, run)
    checks = (check,) if hide else (CHECK, check)
    mark = _permission_mark(names, match, hide=hide)
    return lambda view: guard(view, mark, *checks)


def check_permissions(*names: str, match: Match = "all", hide: bool = False) -> None:
    """Refuse the current request unless its principal has these permissions.

    Call it in a view, where what is needed depends on what the view found.

    :param names: The names of the permissions.
    :param match: Whether the principal needs ``"all"`` of them, or ``"any"``.
    :param hide: Whether the request gets the 404 of an unknown URL, instead of a 401 or a 403.
    :raises TypeError: without names.
    :raises ValueError: for another ``match``.
    """
    _check_arguments("check_permissions", names, match)
    req = current_request()
    state = request_state(req)
    if hide:
        _check_unseen(req, state, names, match)
    else:
        check_authenticated(req, state)
        _check(req, state, names, match)


def _check_arguments(function: str, names: tuple[str, ...], match: str) -> None:
    if not names or not all(isinstance(name, str) for name in names):
        raise TypeError(f'{function} takes names, as in {function}("measurements:read").')
    if match not in ("all", "any"):
        raise ValueError(f'match={match!r}: choose "all" or "any".')


def _is_allowed(principal: Any, names: tuple[str, ...], match: Match, app: AppState) -> bool:
    if principal is None:
        return False
    granted_names = _as_names((app.hooks.permissions_of or permissions_of)(principal))
    one_decides = match == "any"
    for name in names:  # "any" ends at the first that is granted, "all" at the first that is not
        if (name in granted_names) is one_decides:
            return one_decides
    return not one_decides


def _check(req: Request, state: RequestState, names: tuple[str, ...], match: Match) -> None:
    """Refuse a request whose principal lacks permissions.

    A guard of the whole app leaves the page open that explains its 403.
    """
    if not (
        _is_allowed(state.principal, names, match, state.app) or req.endpoint == REFERENCE_ENDPOINT
    ):
        raise _forbidden(names, state.app, state.scheme)


def _check_unseen(req: Request, state: RequestState, names: tuple[str, ...], match: Match) -> None:
    """Refuse a request as if its URL were unknown, with credentials or without."""
    session = _session()
    was_accessed = getattr(session, "accessed", True)
    if not _is_allowed(principal_of(req), names, match, state.app):
        if not was_accessed:
            session.accessed = False  # type: ignore[union-attr]  # `Vary: Cookie` would tell
        raise NotFound


def _session() -> SessionMixin | None:
    """Return the session. Flask notes each access to its proxy, and tells by ``Vary: Cookie``."""
    # Since Flask 3.2, there is one context.
    context: Any = vars(globals_of_flask).get("request_ctx", globals_of_flask.app_ctx)
    attributes = vars(context._get_current_object())
    session: SessionMixin | None = attributes.get("_session", attributes.get("session"))
    return session


def _permission_mark(names: tuple[str, ...], match: Match, *, hide: bool) -> Mark:
    if hide:
        # Clients learn no more than that they can send credentials: the rest is hidden.
        return Mark(
            "requires_permissions",
            names,
            statuses=(404,),
            authenticates=True,
            is_optional=True,
            resolve=optional_mark,
        )
    *first, last = (f"`{name}`" for name in names)
    listed = f"permissions {', '.join(first)} and {last}" if first else f"permission {last}"
    if match == "any":
        listed = f"permission {' or '.join((*first, last))}"
    return Mark(
        "requires_permissions" if match == "all" else "requires_any_permission",
        names,
        statuses=(401, 403),
        authenticates=True,
        permissions=names,
        offers=match == "any",
        implies=(AUTHENTICATED,),
        resolve=lambda mark, app: mark_with_schemes(mark, app, (), f" with the {listed}"),
        refusal=lambda status, method, app: _forbidden(names, app) if status == 403 else None,
    )


def _forbidden(names: tuple[str, ...], app: AppState, scheme: Scheme | None = None) -> ApiError:
    schemes = app.schemes if scheme is None else (scheme,)
    fields = permission_challenges(schemes, names, app.config.challenge_parameters)
    return ApiError(_FORBIDDEN, status=403, headers=fields)


def permissions_of(principal: Any) -> Any:
    """Return the permissions of a principal: its ``permissions``, else its ``scope`` or ``scp``."""
    for name in ("permissions", "scope", "scp"):
        permissions = member_of(principal, name)
        if permissions is not None:
            return permissions
    return ()


def member_of(principal: Any, name: str) -> Any:
    """Return a key or an attribute of a principal, or ``None``."""
    if isinstance(principal, (dict, Mapping)):  # `dict` is much faster to tell
        return principal.get(name)
    return getattr(principal, name, None)


def _as_names(granted: Any) -> Collection[Any]:
    """Return the names of permissions. A text must never be searched for a part of it.

    RFC 6749 section 3.3: scopes are separated by U+0020, and by no other space.
    """
    if isinstance(granted, (list, tuple, set, frozenset)):
        return granted
    if isinstance(granted, (str, UserString)):
        return str(granted).split(" ")
    if isinstance(granted, Mapping):
        return [name for name, is_granted in granted.items() if is_granted is True]
    if isinstance(granted, Collection) and not isinstance(granted, bytes | bytearray | memoryview):
        return list(granted)
    return ()
