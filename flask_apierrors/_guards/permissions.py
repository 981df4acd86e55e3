"""What the principal of a request may do."""

from __future__ import annotations

from collections import UserString
from collections.abc import Callable, Collection, Mapping
from typing import Any

from flask import Request

from .._core.config import REFERENCE_ENDPOINT
from .._core.errors import ApiError
from .._core.marks import Mark, View
from .._core.scheme import Scheme, permission_challenges
from .._core.sentences import Sentence
from .._core.state import AppState, RequestState
from .authentication import AUTHENTICATED, CHECK
from .guard import Check, Order, guard
from .schemes import mark_with_schemes

_FORBIDDEN = Sentence(403)


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
                raise _forbidden(names, state.app, state.scheme)

    checks = (
        CHECK,
        Check(Order.PERMISSIONS, check),
    )
    mark = _permission_mark(names)
    return lambda view: guard(view, mark, *checks)


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
