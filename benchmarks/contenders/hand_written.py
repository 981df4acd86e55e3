"""Guards as an application writes them, with the ``abort`` of its framework."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple

from flask import g, request

from .schemas import PRINCIPALS

Abort = Callable[[int, str], Any]
Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class Guards(NamedTuple):
    """Four decorators, in the order in which they must run."""

    auth: Decorator
    permission: Callable[[str], Decorator]
    consumes: Callable[[str], Decorator]
    produces: Callable[..., Decorator]


def guards(abort: Abort) -> Guards:
    def auth(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            authorization = request.authorization
            if authorization is None or authorization.type != "bearer":
                abort(401, "Authentication failed: the Authorization header is missing.")
            g.principal = PRINCIPALS.get(authorization.token)  # type: ignore[union-attr,arg-type]
            if g.principal is None:
                abort(401, "Authentication failed: the Bearer token is invalid or expired.")
            return view(*args, **kwargs)

        return wrapper

    def permission(name: str) -> Decorator:
        def check() -> None:
            if name not in g.principal["permissions"]:
                abort(403, "You do not have permission to access the requested content.")

        return _before(check)

    def consumes(media_type: str) -> Decorator:
        def check() -> None:
            if request.mimetype != media_type:
                abort(415, f"Unsupported media type. Send Content-Type: {media_type}.")

        return _before(check)

    def produces(*media_types: str) -> Decorator:
        def check() -> None:
            if request.accept_mimetypes.best_match(media_types) is None:
                abort(406, f"Available: {', '.join(media_types)}.")

        return _before(check)

    return Guards(auth, permission, consumes, produces)


def _before(check: Callable[[], None]) -> Decorator:
    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            check()
            return view(*args, **kwargs)

        return wrapper

    return decorate
