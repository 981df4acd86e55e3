"""What is remembered: for one app, and for one request."""

from __future__ import annotations

import os
import re
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import TYPE_CHECKING, Any

from flask import Flask, Request, Response, current_app, request
from werkzeug.exceptions import HTTPException

from .config import Config

if TYPE_CHECKING:
    from .errors import Problem

Converter = Callable[[Any], HTTPException]

_KEY = "_apierrors"
_current_app: Callable[[], Flask] = current_app._get_current_object  # type: ignore[attr-defined]
#: For identifiers, which are no secrets: to ask the system for each costs more than the rest of an answer's headers.
_RANDOM = Random()  # noqa: S311
if hasattr(os, "register_at_fork"):  # pragma: no branch
    os.register_at_fork(after_in_child=_RANDOM.seed)
_SAFE_ID = re.compile(r"[ -~]{1,128}")


@dataclass(slots=True)
class Hooks:
    """The author's functions: code, and so the same for every app of one ``ApiErrors``."""

    #: A plain function, even if the author's is ``async def``.
    verify_token: Callable[[str], Any] | None = None
    permissions_of: Callable[[Any], Any] | None = None
    format: Callable[[Problem], Mapping[str, Any]] | None = None
    unavailable_when: Callable[[], int | str | None] | None = None
    converters: dict[type[Exception], Converter] = field(default_factory=dict)
    #: Patterns of the endpoints that are not published.
    hidden: tuple[str, ...] = ()


@dataclass(slots=True)
class AppState:
    """What one app has: lives in ``app.extensions["apierrors"]``."""

    #: Weak: an app must go when its last user does, without waiting for the garbage collector.
    app_ref: weakref.ref[Flask]
    config: Config
    hooks: Hooks
    #: Conversions of this app alone, for exceptions of the libraries that are wired in.
    converters: dict[type[Exception], Converter] = field(default_factory=dict)
    #: The limits of the app: see ``rate_limits``.
    rate_limits: Any = None
    #: Did a proxy name a client, and nothing read it?
    unread_forwarded: bool = False

    @property
    def app(self) -> Flask:
        """The app."""
        app = self.app_ref()
        assert app is not None
        return app

    def call(self, hook: Callable[..., Any], *args: Any) -> Any:
        """Call an author's function, ``async def`` or not."""
        return self.app.ensure_sync(hook)(*args)


@dataclass(slots=True)
class RequestState:
    """What one request has. Lives on the request object: ``g`` outlives a request when a test holds an app context."""

    app: AppState
    request_id: str | None = None
    #: Was the token looked at? Then one of the next two may say what came of it.
    verified: bool = False
    principal: Any = None
    rejection: HTTPException | None = None
    negotiated_type: str | None = None
    #: What the request was counted for, and what then completes its answer: see ``rate_limits``.
    spent: list[Any] | None = None
    complete: Callable[[Response, RequestState], None] | None = None


def app_state() -> AppState:
    """The state of the current app.

    :raises RuntimeError: when the app has no ``ApiErrors``.
    """
    state: AppState | None = _current_app().extensions.get("apierrors")
    if state is None:
        raise RuntimeError(
            "This app has no ApiErrors. Call ApiErrors(app) or errors.init_app(app) where the app is made."
        )
    return state


#: The request itself: each attribute of Flask's proxy to it costs a look-up.
current_request: Callable[[], Request] = request._get_current_object  # type: ignore[attr-defined]


def request_state(req: Request, app: AppState | None = None) -> RequestState:
    """The state of a request, made when it is first asked for; ``app`` is the current one's, where it is at hand."""
    state = known_request_state(req)
    if state is None:
        state = RequestState(app or app_state())
        setattr(req, _KEY, state)
    return state


def known_request_state(req: Request) -> RequestState | None:
    """The state of a request, if anything made one."""
    state: RequestState | None = getattr(req, _KEY, None)
    return state


@cache
def _environ_key(name: str) -> str:
    return "HTTP_" + name.upper().replace("-", "_")


def request_id(req: Request, app: AppState) -> str | None:
    """The identifier of a request: the client's, when it is safe to repeat, else one made now; ``None`` when off."""
    name = app.config.request_id_header
    if name is None:
        return None
    state = request_state(req, app)
    if state.request_id is None:
        given = req.environ.get(_environ_key(name))
        state.request_id = (
            given if given and _SAFE_ID.fullmatch(given) else _RANDOM.randbytes(16).hex()
        )
    return state.request_id
