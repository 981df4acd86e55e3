"""What is remembered for one app, and for one request."""

from __future__ import annotations

import contextvars
import re
import sys
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from flask import Flask, Request, Response, current_app, has_request_context, request

from .config import Config
from .errors import Problem
from .hooks import Converter, Hooks
from .http import HeaderPairs
from .identifiers import IDENTIFIERS
from .scheme import Scheme
from .text import as_text
from .trace_context import trace_id_of
from .validation import Validator

#: The attributes of a request that have its state, and its ID. Most requests have only an ID.
REQUEST_STATE, _REQUEST_ID = "_apierrors", "_apierrors_request_id"
#: Printable ASCII without spaces, quotes and brackets, which would forge fields of a log line.
_SAFE_ID = re.compile(r"[!#$%&*+,./0-9:;=?@A-Z^_a-z|~-]{1,128}")

#: Lets the default answers of another extension yield to the contract. It runs before the first
#: request, and does nothing if the app does not use the extension. It returns the names of the
#: author's own functions there, which win.
Adapter = Callable[[Flask, "AppState"], Iterable[str]]

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
    #: The libraries that validate.
    validators: tuple[Validator, ...] = ()
    #: What lets other extensions yield to the contract.
    adapters: tuple[Adapter, ...] = ()
    #: What else runs before the first request.
    first_steps: tuple[Callable[[Flask, AppState], None], ...] = ()
    #: The views that ``errors.guard`` guards, by endpoint: see ``_guards.scope``.
    guarded_views: dict[str, Any] = field(default_factory=dict)
    #: Converters for the exceptions of other libraries.
    converters: dict[type[Exception], Converter] = field(default_factory=dict)
    #: The default handlers of other libraries, which answer outside the API.
    displaced: dict[type[Exception], Callable[..., Any]] = field(default_factory=dict)
    #: Each tells whether a response is the default of another library, whose body is replaced.
    default_responses: list[Callable[[Response], bool]] = field(default_factory=list)
    #: Each returns the answer to a crash of another library that is the client's mistake.
    client_mistakes: list[Callable[[Exception, Request], Exception | None]] = field(
        default_factory=list
    )
    #: Returns the ID of the active trace, if a library traces requests.
    trace_id: Callable[[], str | None] | None = None
    #: Response classes of the app, and the faster ones that can stand in for them.
    stand_ins: dict[type[Response], type[Response]] = field(default_factory=dict)
    #: The exits of functions that were read in the source: see ``_catalogue.exits``.
    exits: dict[Any, Any] = field(default_factory=dict)
    #: The challenges for a request without credentials, by the schemes that would do.
    challenges: dict[tuple[Scheme, ...], HeaderPairs] = field(default_factory=dict)
    #: The limits of the app: see ``_limits``.
    rate_limits: Any = None
    #: Whether a proxy named a client, and the app ignored it.
    unread_forwarded: bool = False
    #: Whether a request had credentials, or the log says that none had.
    saw_authorization: bool = False

    @property
    def app(self) -> Flask:
        """The app."""
        app = self.app_ref()
        assert app is not None
        return app

    @property
    def schemes(self) -> tuple[Scheme, ...]:
        """The ways to authenticate."""
        return self.hooks.schemes

    def call(self, hook: Callable[..., Any], *args: Any) -> Any:
        """Call an author's function, ``async def`` or not."""
        run = self.app.ensure_sync(hook)
        if run is hook or not in_event_loop():
            return run(*args)
        # The event loop of an async view cannot run another one in its thread.
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(1) as pool:
            return pool.submit(contextvars.copy_context().run, run, *args).result()


@dataclass(slots=True)
class RequestState:
    """What one request has.

    It lives on the request object: ``g`` outlives a request if a test holds an app context.
    """

    app: AppState
    #: Whether the author's function need not be asked for the ID again.
    is_id_final: bool = False
    #: Whether the credentials were verified. One of the next two may have the result.
    verified: bool = False
    #: Whether the credentials were read, and then those that decide, with their scheme.
    is_read: bool = False
    scheme: Scheme | None = None
    credentials: Any = field(default=None, repr=False)
    #: Whether the response is for this client alone, and no cache can know that.
    is_private: bool = False
    principal: Any = None
    rejection: Exception | None = None
    negotiated_type: str | None = None
    #: A validation error about data of the server's own: see ``origin``.
    internal_error: Exception | None = None
    #: Whether a returned error becomes a problem. ``abort(Response(...))`` stays.
    adopts: bool = True
    #: The last exception and problem, and whether `error_answered` was sent: see `signals`.
    exception: BaseException | None = None
    problem: Problem | None = None
    is_announced: bool = False
    #: What the request took from its quotas, whether it exceeded one, and the function that
    #: completes its response.
    charges: list[Any] | None = None
    is_over_limit: bool = False
    complete: Callable[[Response, RequestState], None] | None = None
    #: How long the request has waited for the storage of its limits.
    storage_seconds: float = 0.0


def in_event_loop() -> bool:
    """Whether a loop runs. If asyncio is not imported, none does, and its import is slow."""
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and asyncio._get_running_loop() is not None


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


def request_id() -> str | None:
    """Return the ID of the current request, as its response and its log records have it.

    :returns: ``None`` outside a request, in an app without an ``ApiErrors``, or if request IDs are
        off.
    """
    app = current_app.extensions.get("apierrors") if has_request_context() else None
    return None if app is None else request_id_of(current_request(), app)


def request_id_of(req: Request, app: AppState) -> str | None:
    """Return the ID of a request: the author's, the client's, that of its trace, or a random one.

    :returns: ``None`` if request IDs are off.
    """
    name = app.config.request_id_header
    if name is None:
        return None
    hook = app.hooks.request_id_from
    own_id = None if hook is None else _ask_for_id(hook, request_state(req, app))
    identifier: str | None = own_id or getattr(req, _REQUEST_ID, None)
    if identifier is None:
        environ = req.environ
        sent, traceparent = environ.get(environ_key(name)), environ.get("HTTP_TRACEPARENT")
        if sent and _SAFE_ID.fullmatch(sent):
            identifier = sent
        elif app.trace_id is not None:
            identifier = app.trace_id()
        if identifier is None and traceparent:
            identifier = trace_id_of(traceparent)
        identifier = identifier or next(IDENTIFIERS.left, None) or IDENTIFIERS.refill()
    setattr(req, _REQUEST_ID, identifier)
    return identifier


def _ask_for_id(hook: Callable[[], object], state: RequestState) -> str | None:
    """Ask the author's function for the ID, until it knows it."""
    if state.is_id_final:
        return None
    state.is_id_final = True  # a function that logs would be asked again
    try:
        value = hook()
    except Exception:
        state.app.app.logger.exception("The @errors.request_id_from function failed")
        return None
    identifier = "" if value is None else as_text(value)
    state.is_id_final = bool(_SAFE_ID.fullmatch(identifier))
    return identifier if state.is_id_final else None
