"""What is remembered for one app, and for one request."""

from __future__ import annotations

import re
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from flask import Flask, Request, Response, current_app, request
from werkzeug.exceptions import HTTPException

from .config import Config
from .hooks import Converter, Hooks
from .identifiers import IDENTIFIERS
from .scheme import Scheme
from .validation import Validator

#: The attribute of a request that has its state.
REQUEST_STATE = "_apierrors"
_SAFE_ID = re.compile(r"[ -~]{1,128}")

#: The app and the request themselves: each attribute of Flask's proxies costs a look-up.
current_flask: Callable[[], Flask] = current_app._get_current_object  # type: ignore[attr-defined]
current_request: Callable[[], Request] = request._get_current_object  # type: ignore[attr-defined]


@dataclass(slots=True)
class AppState:
    """What one app has. It lives in ``app.extensions["apierrors"]``."""

    #: A weak reference, so that an app goes without waiting for the garbage collector.
    app_ref: weakref.ref[Flask]
    config: Config
    hooks: Hooks
    #: The ways to authenticate, and the libraries that validate.
    schemes: tuple[Scheme, ...] = ()
    validators: tuple[Validator, ...] = ()
    #: Converters for the exceptions of other libraries.
    converters: dict[type[Exception], Converter] = field(default_factory=dict)
    #: Response classes of the app, and the faster ones that can stand in for them.
    stand_ins: dict[type[Response], type[Response]] = field(default_factory=dict)
    #: The limits of the app: see ``_limits``.
    rate_limits: Any = None
    #: Whether a proxy named a client, and the app ignored it.
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
    """What one request has.

    It lives on the request object: ``g`` outlives a request if a test holds an app context.
    """

    app: AppState
    request_id: str | None = None
    #: Whether the credentials were verified. One of the next two may have the result.
    verified: bool = False
    principal: Any = None
    rejection: HTTPException | None = None
    negotiated_type: str | None = None
    #: Whether a returned error becomes a problem. ``abort(Response(...))`` stays.
    adopts: bool = True
    #: What the request took from its quotas, and the function that completes its response.
    charges: list[Any] | None = None
    complete: Callable[[Response, RequestState], None] | None = None


def app_state() -> AppState:
    """Return the state of the current app.

    :raises RuntimeError: if the app has no ``ApiErrors``.
    """
    state: AppState | None = current_flask().extensions.get("apierrors")
    if state is None:
        raise RuntimeError(
            "This app has no ApiErrors. Call ApiErrors(app) or errors.init_app(app) where you "
            "create the app."
        )
    return state


def request_state(req: Request, app: AppState | None = None) -> RequestState:
    """Return the state of a request, and create it first if there is none.

    :param app: The state of the current app, to save a look-up.
    """
    state: RequestState | None = getattr(req, REQUEST_STATE, None)
    if state is None:
        state = RequestState(app or app_state())
        setattr(req, REQUEST_STATE, state)
    return state


@cache
def environ_key(name: str) -> str:
    """Return the key of a header field in the WSGI environ."""
    return "HTTP_" + name.upper().replace("-", "_")


def request_id(req: Request, app: AppState) -> str | None:
    """Return the identifier of a request: the client's if it is safe, else a random one.

    :returns: ``None`` if request ids are off.
    """
    name = app.config.request_id_header
    if name is None:
        return None
    state = request_state(req, app)
    if state.request_id is None:
        sent = req.environ.get(environ_key(name))
        if sent and _SAFE_ID.fullmatch(sent):
            state.request_id = sent
        else:
            state.request_id = next(IDENTIFIERS.left, None) or IDENTIFIERS.refill()
    return state.request_id
