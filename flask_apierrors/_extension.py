"""``ApiErrors``: what is registered on an app, and the author's hooks."""

from __future__ import annotations

import logging
import sys
import weakref
from collections.abc import Callable, Mapping
from copy import copy
from typing import TYPE_CHECKING, Any, TypeVar, overload

from flask import Flask, Response, current_app, has_request_context
from werkzeug.exceptions import ClientDisconnected, HTTPException

from ._core.config import REFERENCE_ENDPOINT, Config
from ._core.errors import ApiError, Problem
from ._core.road import answer, answer_ours, finish
from ._core.state import AppState, Converter, Hooks, app_state, current_request, request_id
from ._guards.authentication import synchronous
from ._guards.json_body import use_strict_json
from ._limits.rate_limits import limiter_of, use_rate_limits

if TYPE_CHECKING:
    from flask_limiter import Limiter

_Hook = TypeVar("_Hook", bound=Callable[..., Any])
_Error = TypeVar("_Error", bound=Exception)


class ApiErrors:
    """One error contract for a whole Flask API.

    ``ApiErrors(app)``, or ``errors = ApiErrors()`` and ``errors.init_app(app)`` for each app. What the decorators of an
    instance take (``verify_token``, ``format``, ``convert``, ...) is code and holds for each of its apps; everything else
    is kept in ``app.extensions["apierrors"]``.
    """

    def __init__(self, app: Flask | None = None) -> None:
        self._hooks = Hooks()
        self._apps: weakref.WeakSet[Flask] = weakref.WeakSet()
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Install the contract on an app, and read its configuration, once and for all.

        :raises RuntimeError: when the app has an ``ApiErrors`` already.
        :raises ValueError: for a configuration that cannot be right; the message names the remedy.
        """
        if "apierrors" in app.extensions:
            raise RuntimeError(
                "This app has an ApiErrors already. Call init_app, or ApiErrors(app), once for each app."
            )
        state = AppState(weakref.ref(app), Config.from_mapping(app.config), self._hooks)
        app.extensions["apierrors"] = state
        self._apps.add(app)
        use_strict_json(app)
        _register_handlers(app, state)
        for cls in self._hooks.converters:
            _register_handler(app, cls)
        app.after_request(finish)
        if self._hooks.unavailable_when is not None:
            app.before_request(_check_available)
        use_rate_limits(app, state)
        if state.config.reference_url is not None:
            from ._catalogue.reference import register

            register(app, state)
        if state.config.request_id_header is not None:
            # Not app.logger: touching it would give it Flask's handler before the author has configured logging.
            logging.getLogger(app.name).addFilter(_REQUEST_ID_FILTER)

    @property
    def limiter(self) -> Limiter:
        """The current app's Flask-Limiter, for its own decorators and for its storage.

        :raises RuntimeError: outside an app context, and in an app that has no ``ApiErrors``.
        """
        app_state()
        return limiter_of(current_app._get_current_object())  # type: ignore[attr-defined]

    # -- what an author hands over

    def verify_token(self, function: _Hook) -> _Hook:
        """Register ``str -> principal``: who a Bearer token stands for, or ``None`` when it is not valid.

        It may raise ``InvalidToken`` to say why, or any ``HTTPException``, which passes as it is (a 503 when the
        identity provider is down). It may be ``async def``; something to await from another function is a 500.
        """
        self._hooks.verify_token = synchronous(function)
        return function

    def permissions_of(self, function: _Hook) -> _Hook:
        """Register ``principal -> collection of str``, where ``permissions``, ``scope`` and ``scp`` are not the place."""
        self._hooks.permissions_of = function
        return function

    def format(self, function: _Hook) -> _Hook:
        """Register ``Problem -> dict``: the plain body in the author's own shape."""
        self._hooks.format = function
        return function

    def unavailable_when(self, function: _Hook) -> _Hook:
        """Register ``() -> None | int | str``: maintenance.

        Seconds until it is over, or a sentence, answer 503 to each request of the API; ``None`` lets them through.
        """
        first = self._hooks.unavailable_when is None
        self._hooks.unavailable_when = function
        for app in self._apps if first else ():
            app.before_request(_check_available)
        return function

    @overload
    def convert(self, cls: type[_Error], *, to: type[HTTPException] | HTTPException) -> None: ...

    @overload
    def convert(self, cls: type[_Error]) -> Callable[[_Hook], _Hook]: ...

    def convert(
        self, cls: type[_Error], *, to: type[HTTPException] | HTTPException | None = None
    ) -> Any:
        """Make exceptions of a class an answer: ``convert(KeyError, to=NotFound)``, or over a function that returns one.

        The nearest class in the method resolution order wins. The text of the exception goes nowhere, unless the function
        puts it into what it returns. An answer of 5xx is logged with the traceback and signalled, like a crash.

        :raises TypeError: when ``cls`` is not a class of exceptions, or ``to`` not an ``HTTPException``.
        """
        _check_convertible(cls)
        if to is None:
            return lambda function: self._convert(cls, function)
        if isinstance(to, type) and issubclass(to, HTTPException):
            self._convert(cls, _annotated(lambda exc: to(), to))
        elif isinstance(to, HTTPException):
            self._convert(cls, _annotated(lambda exc: copy(to), type(to)))
        else:
            raise TypeError(
                f"convert(..., to={to!r}): give a class of HTTPException, or an instance of one."
            )
        return None

    def _convert(self, cls: type[Exception], function: _Hook) -> _Hook:
        self._hooks.converters[cls] = function
        for app in self._apps:
            _register_handler(app, cls)
        return function

    def hide(self, *endpoints: str) -> None:
        """Leave endpoints out of what is published: the reference page and OpenAPI. They answer as before.

        :param endpoints: As in ``flask routes``: ``"admin.users"``, or ``"admin.*"`` for a whole blueprint.
        :raises TypeError: when used without endpoints.
        """
        if not endpoints or not all(isinstance(endpoint, str) for endpoint in endpoints):
            raise TypeError('hide takes endpoints, as in errors.hide("admin.*").')
        self._hooks.hidden += endpoints

    # -- what an author may call

    def handle(self, exc: Exception) -> Any:
        """Answer an exception as the registered handlers do: for handlers of an author's own that fall back on this one."""
        return answer(exc, app_state())

    @overload
    def response(self, error: Exception, /) -> Response: ...

    @overload
    def response(self, error: int, detail: str | None = None, /) -> Response: ...

    def response(self, error: Exception | int, detail: str | None = None, /) -> Response:
        """The answer as a response: for code that must return an error, not raise it."""
        state = app_state()
        exc = ApiError(detail, status=error) if isinstance(error, int) else error
        return state.app.make_response(answer_ours(exc, current_request(), state))


def _register_handlers(app: Flask, state: AppState) -> None:
    from marshmallow import ValidationError

    _register_handler(app, HTTPException)
    _register_handler(app, ValidationError, _answer_and_let_go)
    # What gunicorn raises inside a view that reads a body whose chunks are none, or end early: the client's mistake.
    server = sys.modules.get("gunicorn.http.errors")
    for cls in (server.ParseException, server.NoMoreData) if server else ():
        state.converters[cls] = lambda exc: ClientDisconnected()
        _register_handler(app, cls)


def _answer_and_let_go(exc: Exception, app: AppState) -> Any:
    """Answer, then break the circle of the exception and the frame of marshmallow that raised it and still names it.

    It would keep the request in memory until the garbage collector comes. A debugger needs it.
    """
    answered = answer(exc, app)
    if not app.app.debug:
        exc.__traceback__ = None
    return answered


def _register_handler(
    app: Flask, cls: type[Exception], handle: Callable[[Any, AppState], Any] = answer
) -> None:
    """Handle a class of exceptions, unless the author does: a second handler would silently replace the first."""
    if issubclass(cls, HTTPException) and cls is not HTTPException:
        return  # reaches the handler of HTTPException; one by code would come before those of blueprints
    taken: Mapping[Any, Any] = app.error_handler_spec[None][None]
    if cls not in taken:
        state: AppState = app.extensions["apierrors"]
        app.register_error_handler(cls, lambda exc: handle(exc, state))


def _annotated(converter: Converter, answer: type[HTTPException]) -> Converter:
    """Say what a converter returns, where the catalogue reads it: in its return annotation."""
    converter.__annotations__["return"] = answer
    return converter


def _check_convertible(cls: object) -> None:
    if not (isinstance(cls, type) and issubclass(cls, Exception)):
        raise TypeError(f"convert takes a class of exceptions, not {cls!r}.")
    if cls is Exception:
        raise TypeError(
            "convert(Exception) would hide each bug as an answer. Unexpected exceptions are a 500 without it."
        )


def _check_available() -> None:
    state, req = app_state(), current_request()
    # The reference page answers even then: it explains the very 503 that the others get.
    if (
        state.hooks.unavailable_when is None
        or req.endpoint == REFERENCE_ENDPOINT
        or not state.config.covers(req.path)
    ):
        return
    reason = state.call(state.hooks.unavailable_when)
    if reason is None or reason is False:
        return
    if isinstance(reason, int) and reason is not True:
        raise ApiError(status=503, retry_after=reason)
    raise ApiError(None if reason is True else reason, status=503)


class _RequestIdFilter(logging.Filter):
    """Gives each record of the app's logger a ``request_id``, for the format string; ``-`` outside a request."""

    def filter(self, record: logging.LogRecord) -> bool:
        if not hasattr(record, "request_id"):
            # The logger is known by the app's name, which another app without ApiErrors may have, too.
            app = current_app.extensions.get("apierrors") if has_request_context() else None
            record.request_id = (request_id(current_request(), app) if app else None) or "-"
        return True


_REQUEST_ID_FILTER = _RequestIdFilter()

__all__ = ["ApiErrors", "Problem"]
